/** The bar on top of every page but the embedded player. */
export function Header() {
  return (
    <header class="header">
      <a class="brand" href="/">
        <img src="/favicon.svg" alt="" width="26" height="26" />
        Millrace
      </a>
    </header>
  );
}
