vcl 4.1;
# Varnish (7.0 or newer) as an edge in front of a Millrace node (the origin, or a relay). A test runs this file with a real varnishd:
#   varnishd -a :8081 -f /etc/varnish/millrace-edge.vcl -s malloc,1G -p thread_pool_max=2000
#
# To change: the parent's address. TLS is done by something in front (hitch, or a load balancer). Requests that wait for another
# one's answer hold no thread; each client that is being sent something does.

import std;

backend parent {
  .host = "127.0.0.1";
  .port = "8080";
  .connect_timeout = 1s;
  # Requests for the future are held by the parent as long as three target durations.
  .first_byte_timeout = 40s;
  .between_bytes_timeout = 35s;
  .probe = { .url = "/health/ready"; .interval = 1s; .timeout = 1s; .window = 3; .threshold = 2; .initial = 2; }
}

sub vcl_recv {
  # Nothing here is for the public.
  if (req.url ~ "^/(internal/|metrics)") {
    return (synth(404));
  }
  # The pages, the API, what is to come over WebSocket.
  if (req.url !~ "^/(live|b)/[^/]+/") {
    if (req.http.Upgrade ~ "(?i)websocket") {
      return (pipe);
    }
    return (pass);
  }

  # Media. CORS preflights are the parent's to answer.
  if (req.method == "OPTIONS") {
    return (pass);
  }
  if (req.method != "GET" && req.method != "HEAD") {
    return (synth(405));
  }
  # Of a request count path and delivery directives, in one order; for steering manifests who asks. All else in a query, cookies,
  # credentials and the host's name mean nothing.
  unset req.http.Cookie;
  unset req.http.Authorization;
  set req.http.X-Query = "";
  if (req.url ~ "^[^?]*\.m3u8\?") {
    if (req.url ~ "[?&]_HLS_msn=[^&]") {
      set req.http.X-Query = req.http.X-Query + "&_HLS_msn=" + regsub(req.url, "^.*?[?&]_HLS_msn=([^&]*).*$", "\1");
    }
    if (req.url ~ "[?&]_HLS_part=[^&]") {
      set req.http.X-Query = req.http.X-Query + "&_HLS_part=" + regsub(req.url, "^.*?[?&]_HLS_part=([^&]*).*$", "\1");
    }
    if (req.url ~ "[?&]_HLS_skip=[^&]") {
      set req.http.X-Query = req.http.X-Query + "&_HLS_skip=" + regsub(req.url, "^.*?[?&]_HLS_skip=([^&]*).*$", "\1");
    }
  } elsif (req.url ~ "^[^?]*/steering(-dvr|-dash)?\.json\?") {
    if (req.url ~ "[?&]base=[^&]") {
      set req.http.X-Query = req.http.X-Query + "&base=" + regsub(req.url, "^.*?[?&]base=([^&]*).*$", "\1");
    }
    if (req.url ~ "[?&]region=[^&]") {
      set req.http.X-Query = req.http.X-Query + "&region=" + regsub(req.url, "^.*?[?&]region=([^&]*).*$", "\1");
    }
    if (req.url ~ "[?&]_HLS_pathway=[^&]") {
      set req.http.X-Query = req.http.X-Query + "&_HLS_pathway=" + regsub(req.url, "^.*?[?&]_HLS_pathway=([^&]*).*$", "\1");
    }
    if (req.url ~ "[?&]_DASH_pathway=[^&]") {
      set req.http.X-Query = req.http.X-Query + "&_DASH_pathway=" + regsub(req.url, "^.*?[?&]_DASH_pathway=([^&]*).*$", "\1");
    }
  }
  set req.url = regsub(req.url, "\?.*$", "") + regsub(req.http.X-Query, "^&", "?");
  unset req.http.X-Query;

  # Stale is better than nothing, and worse than anything else: only when the parent is known to be down, or has just failed.
  set req.grace = 0s;
  if (!std.healthy(req.backend_hint)) {
    set req.grace = 30s;
  }
  if (req.restarts > 0) {
    set req.grace = 30s;
    set req.http.X-Second-Try = "1";
  } else {
    unset req.http.X-Second-Try;
  }
  return (hash);
}

sub vcl_hash {
  hash_data(req.url);
  return (lookup);
}

sub vcl_backend_response {
  # The parent has no answer itself. An object here would take the place of the last good one: see vcl_synth.
  if (beresp.status == 502 || beresp.status == 504) {
    if (bereq.is_bgfetch || (bereq.url ~ "^/(live|b)/[^/]+/" && !bereq.http.X-Second-Try)) {
      return (abandon);
    }
  }
  # Passed: as it came.
  if (bereq.uncacheable || bereq.url !~ "^/(live|b)/[^/]+/") {
    return (deliver);
  }
  # Whoever waits gets the bytes while they still arrive (a running DASH segment); on by default, said because it matters.
  set beresp.do_stream = true;
  set beresp.grace = 30s;
  if (beresp.status >= 400) {
    # An error is shared for less than a part, whatever it says about itself.
    set beresp.ttl = 0.09s;
    set beresp.grace = 0s;
  } elsif (beresp.http.Cache-Control ~ "(?i)(no-store|private)") {
    # Shared by nobody, and nobody waits for it (hit-for-miss).
    set beresp.uncacheable = true;
    set beresp.ttl = 1s;
  } elsif (beresp.http.Cache-Control ~ "(?i)no-cache") {
    # Manifests. A crowd asks in the same moment: one request for all of them.
    set beresp.ttl = 0.2s;
  }
  # Everything else by s-maxage or max-age, as Varnish does itself.
  return (deliver);
}

sub vcl_backend_error {
  if (bereq.is_bgfetch || (bereq.url ~ "^/(live|b)/[^/]+/" && !bereq.http.X-Second-Try)) {
    return (abandon);
  }
  set beresp.ttl = 0.09s;
  set beresp.grace = 0s;
  set beresp.http.Access-Control-Allow-Origin = "*";
  set beresp.http.Cache-Control = "no-store";
  set beresp.http.Content-Type = "text/plain; charset=utf-8";
  synthetic("The parent does not answer." + {"
"});
  return (deliver);
}

sub vcl_synth {
  # A fetch failed: the last good object, if there is one, else one more try whose failure is shared.
  if (resp.status == 503 && req.restarts == 0 && req.url ~ "^/(live|b)/[^/]+/") {
    return (restart);
  }
  set resp.http.Access-Control-Allow-Origin = "*";
  set resp.http.Cache-Control = "no-store";
  set resp.http.Content-Type = "text/plain; charset=utf-8";
  if (resp.status == 405) {
    set resp.http.Allow = "GET, HEAD, OPTIONS";
  }
  synthetic(resp.reason + {"
"});
  return (deliver);
}

sub vcl_deliver {
  if (obj.uncacheable) {
    set resp.http.X-Cache = "PASS";
  } elsif (obj.hits > 0) {
    set resp.http.X-Cache = "HIT";
  } else {
    set resp.http.X-Cache = "MISS";
  }
}
