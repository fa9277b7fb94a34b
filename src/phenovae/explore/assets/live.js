"use strict";

// A run behind a server, which reads and decodes what is asked for.
Phenovae.live = () => {
  const { array, bytes, column } = Phenovae.unpacking;
  const rest = (time) => new Promise((done) => setTimeout(done, time));

  async function ask(address, { signal, working } = {}) {
    for (;;) {
      const answer = await fetch(`api/${address}`, { signal, credentials: "same-origin" });
      if (answer.status === 403) {
        throw new Error("The explorer was started anew: open the address that it printed.");
      }
      const told = (answer.headers.get("Content-Type") || "").startsWith("application/json")
        ? await answer.json() : {};
      if (answer.status === 202) {
        if (working) working(told.working);
        await rest(700);
      } else if (!answer.ok) {
        throw new Error(told.error || `The server answered ${answer.status}.`);
      } else {
        return told;
      }
    }
  }

  const named = (what, level, name, more) =>
    ask(`${what}?level=${level}&name=${encodeURIComponent(name)}`, more);

  function unstacked(planes, side, channels) {
    return { channels, height: side, width: side, data: planes };
  }

  return {
    live: true,
    start: () => ask("start"),
    async level(level) {
      const told = await ask(`level?level=${level}`);
      return { ...told, rows: array(told.rows), examples: array(told.examples) };
    },
    async plane(level, name, working) {
      const told = await named("plane", level, name, { working });
      return { ...told, x: array(told.x), y: array(told.y) };
    },
    column: async (level, name, working) => column(await named("column", level, name, { working })),
    cell: (row, signal) => ask(`cell?row=${row}`, { signal }),
    field: (row, signal) => ask(`field?row=${row}`, { signal }),
    latents: (row, signal) => ask(`latents?row=${row}`, { signal }),
    crop: (row, channels) => Phenovae.painter.planesOf(`api/crop?row=${row}`, channels),
    fieldPlanes: (told, channels) =>
      Phenovae.painter.planesOf(`data:image/png;base64,${told.png}`, channels),
    async decode({ row, z, way, share, side, channels, signal }) {
      let address = `api/decode?row=${row}&z=${encodeURIComponent(z)}`;
      if (way !== null && share) address += `&toward=${way}&share=${share}`;
      const answer = await fetch(address, { signal, credentials: "same-origin" });
      if (!answer.ok) {
        const told = await answer.json().catch(() => ({}));
        throw new Error(told.error || `The server answered ${answer.status}.`);
      }
      const timing = /dur=([\d.]+)/.exec(answer.headers.get("Server-Timing") || "");
      const planes = new Uint8Array(await answer.arrayBuffer());
      return { planes: unstacked(planes, side, channels), server: timing ? Number(timing[1]) : null };
    },
    bytes,
  };
};
