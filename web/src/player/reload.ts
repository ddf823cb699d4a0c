/** Whether the page may be loaded anew, once in a minute: a page older than its server asks for files that are gone. */
export function mayReload(): boolean {
  const key = 'millrace.reloaded';
  try {
    if (Date.now() - Number(sessionStorage.getItem(key) ?? 0) < 60_000) return false;
    sessionStorage.setItem(key, String(Date.now()));
    return true;
  } catch {
    return false;
  }
}
