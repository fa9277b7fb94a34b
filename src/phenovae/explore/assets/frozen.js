"use strict";

// A run as files beside the page: scripts that are loaded when they are needed, no fetching.
Phenovae.frozen = (data) => {
  const { array, column } = Phenovae.unpacking;
  const A_FILE = 100;
  const COLUMNS = 10;
  const loading = new Map();
  let rows = null;

  function load(name) {
    if (!loading.has(name)) {
      loading.set(name, new Promise((done, failed) => {
        const script = document.createElement("script");
        script.src = `data/${name}.js`;
        script.onload = () => (data[name] === undefined
          ? failed(new Error(`data/${name}.js is damaged.`)) : done(data[name]));
        script.onerror = () => failed(new Error(`data/${name}.js is missing: copy the whole folder.`));
        document.head.append(script);
      }));
    }
    return loading.get(name);
  }

  async function placeOf(row) {
    if (!rows) {
      const told = await load("level-cells");
      rows = new Map(Array.from(array(told.level.rows), (each, at) => [each, at]));
    }
    if (!rows.has(row)) throw new Error(`Cell ${row} is not among those of this page.`);
    return rows.get(row);
  }

  const file = (at) => String(Math.floor(at / A_FILE)).padStart(3, "0");

  // One stack of a sheet, cut out of the whole picture.
  async function cut(address, stacks, columns, at, channels) {
    const whole = await Phenovae.painter.planesOf(address, 1);
    const width = whole.width / columns;
    const tall = whole.height / Math.ceil(stacks / columns);
    const [top, left] = [Math.floor(at / columns) * tall, (at % columns) * width];
    const found = new Uint8Array(tall * width);
    for (let line = 0; line < tall; line += 1) {
      const from = (top + line) * whole.width + left;
      found.set(whole.data.subarray(from, from + width), line * width);
    }
    return { channels, height: tall / channels, width, data: found };
  }

  async function named(level, part, name) {
    const told = (await load(`level-${level}`))[part][name];
    if (!told) throw new Error(`“${name}” is not part of a page of files: phenovae explore shows it.`);
    if (told.error) throw new Error(told.error);
    return told;
  }

  async function startOf(row) {
    const facts = (await load(`facts-${file(await placeOf(row))}`))[String(row)];
    return facts.start;
  }

  const nearest = (values, wanted) =>
    values.reduce((best, value, at) => (Math.abs(value - wanted) < Math.abs(values[best] - wanted) ? at : best), 0);

  function steps(at) {
    const { moves } = data.start;
    const reach = moves.ranges[at];
    return Array.from({ length: moves.steps }, (_, step) => -reach + (2 * reach * step) / (moves.steps - 1));
  }

  return {
    live: false,
    start: async () => data.start,
    async level(level) {
      const told = (await load(`level-${level}`)).level;
      return { ...told, rows: array(told.rows), examples: array(told.examples) };
    },
    async plane(level, name) {
      const pair = /^z:(\d+):(\d+)$/.exec(name);
      if (pair) {
        const [first, second] = await Promise.all([1, 2].map((at) => named(level, "columns", `z:${pair[at]}`)));
        const average = level === "cells" ? "" : ", averaged over cells";
        return {
          x: column(first).values, y: column(second).values, equal: false,
          labels: [`latent ${pair[1]}`, `latent ${pair[2]}`], note: `Posterior means${average}.`,
        };
      }
      const told = await named(level, "maps", name);
      return { ...told, x: array(told.x), y: array(told.y) };
    },
    column: async (level, name) => column(await named(level, "columns", name)),
    async cell(row) {
      const at = await placeOf(row);
      const facts = (await load(`facts-${file(at)}`))[String(row)];
      const of = (await load("treatments"))[facts.treatment];
      const { columns } = await load("level-cells");
      const measures = {};
      for (const name of Object.keys(columns)) {
        if (!name.startsWith("Measure_")) continue;
        const value = column(columns[name]).values[at];
        measures[name] = Number.isFinite(value) ? value : null;
      }
      return { ...facts, ...of, measures };
    },
    field: async () => ({
      missing: "Fields are not part of a page of files: phenovae explore RUN shows them.",
    }),
    fieldPlanes: async () => null,
    async latents(row) {
      const { moves } = data.start;
      const start = await startOf(row);
      const [mean, ranges] = [{}, {}];
      moves.latents.forEach((latent, at) => {
        mean[latent] = moves.means[start][at];
        ranges[latent] = moves.ranges[at];
      });
      const own = moves.starts[start] === row;
      return {
        mean, ranges,
        note: `These pictures were precomputed, one latent at a time, in ${moves.steps} steps, `
          + (own ? "from this cell." : "from the nearest cell that has them, not from this one."),
      };
    },
    async crop(row, channels) {
      const at = await placeOf(row);
      const sheet = await load(`sheet-${file(at)}`);
      return cut(sheet.address, sheet.rows.length, COLUMNS, at % A_FILE, channels);
    },
    async decode({ row, z, way, share, channels, signal }) {
      const { moves, ways } = data.start;
      const start = await startOf(row);
      const rest = moves.starts[start] === row ? "" : " (of the nearest cell)";
      const gone = () => {
        if (signal.aborted) throw new DOMException("", "AbortError");
      };
      gone();
      const to = ways.findIndex((each) => each.treatment === way);
      if (share && to >= 0) {
        const { address } = await load("ways");
        gone();
        const at = nearest(moves.shares, share);
        return {
          planes: await cut(address, ways.length * moves.shares.length, moves.shares.length,
            to * moves.shares.length + at, channels),
          told: `precomputed: a control cell, ${100 * moves.shares[at]} % of the way to ${ways[to].name}`,
        };
      }
      const { address } = await load(`moves-${String(start).padStart(3, "0")}`);
      gone();
      const stacks = moves.steps * (1 + moves.latents.length);
      const [latent, value] = (z.split(",").pop() || "").split(":").map(Number);
      const line = moves.latents.indexOf(latent);
      if (!z || line < 0) {
        return { planes: await cut(address, stacks, moves.steps, 0, channels), told: `precomputed: what it decodes${rest}` };
      }
      const values = steps(line);
      const step = nearest(values, value);
      return {
        planes: await cut(address, stacks, moves.steps, (1 + line) * moves.steps + step, channels),
        told: `precomputed: latent ${latent} at ${values[step].toFixed(2)}${rest}`,
      };
    },
  };
};
