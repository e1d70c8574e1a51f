/** The frame around every view: what stands here is on every page. */

/** The whole page. */
export function App() {
  return (
    <main>
      <h1>Sightline</h1>
    </main>
  );
}
