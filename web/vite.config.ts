import { defineConfig } from 'vite';

// Three entries, so that an embedded player loads nothing of the other pages.
// The server maps routes to these files; README.md has the table.
export default defineConfig({
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    // Fonts, icons and workers stay files: the server's content security policy allows no data: scripts.
    assetsInlineLimit: 0,
    // hls.js is one lazily loaded chunk of about 600 KB; splitting it would only add round trips.
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      input: { index: 'index.html', watch: 'watch.html', embed: 'embed.html' },
    },
  },
  server: {
    proxy: { '/api': 'http://127.0.0.1:8080', '/live': 'http://127.0.0.1:8080', '/b': 'http://127.0.0.1:8080' },
  },
});
