"use strict";

// The page put together: state to view, and back.
addEventListener("DOMContentLoaded", async () => {
  const part = (id) => document.getElementById(id);
  const source = window.PHENOVAE_DATA ? Phenovae.frozen(window.PHENOVAE_DATA) : Phenovae.live();
  const state = Phenovae.state.read(location.hash);
  const say = (text) => { part("status").textContent = text; };
  const fail = (error) => say(error.message || String(error));
  const remember = () => Phenovae.state.remember(state);
  const dark = matchMedia("(prefers-color-scheme: dark)");

  let start;
  try {
    start = await source.start();
  } catch (error) {
    fail(error);
    return;
  }

  // What was asked once is kept: levels, planes and columns do not change.
  const kept = new Map();
  const once = (key, ask) => {
    if (!kept.has(key)) {
      const found = ask();
      found.catch(() => kept.delete(key));
      kept.set(key, found);
    }
    return kept.get(key);
  };
  const working = (what) => say(`Under way: ${what}…`);
  const level = (name) => once(`level ${name}`, () => source.level(name));
  const plane = (name, which) => once(`plane ${name} ${which}`, () => source.plane(name, which, working));
  const column = (name, which) => once(`column ${name} ${which}`, () => source.column(name, which, working));

  const colours = () => start.palettes[state.palette] || start.palettes.field;
  const drawPlanes = (canvas, planes) => Phenovae.painter.paint(canvas, planes, colours(), state.channel);
  const drawRow = async (canvas, row) => drawPlanes(canvas, await source.crop(row, start.channels.length));

  let here = null;
  let told = null;
  let hidden = new Set();
  let asked = null;
  let mouse = { x: 0, y: 0 };
  let turn = 0;

  const card = Phenovae.cards(part("card"), drawRow);
  const legend = Phenovae.legend(part("legend"), (code) => {
    if (hidden.has(code)) hidden.delete(code); else hidden.add(code);
    paint(false);
  });
  const selection = Phenovae.selection({ start, column, level, fail });
  const scatter = Phenovae.scatter(part("plot"), {
    hovered: (at) => hover(at),
    left: () => card.hide(),
    clicked: (at) => chooseAt(at),
    selected: (places) => selection.set(state.level, places),
  });
  const panel = Phenovae.panel({
    source, start, draw: (canvas, row) => drawRow(canvas, row).catch(fail), drawField: drawPlanes,
    choose: (row) => choose(row),
  });
  const sliders = Phenovae.sliders({ source, start, state, draw: drawPlanes, remember, fail });
  // On its way down: Bokeh lets no such event come up again.
  part("plot").addEventListener("pointermove", (event) => {
    mouse = { x: event.clientX, y: event.clientY };
  }, { capture: true });

  const rowsAt = (at) => {
    const { examples, across } = here.points;
    return [...examples.subarray(at * across, (at + 1) * across)].filter((row) => row >= 0);
  };

  const nameAt = (name, at) => {
    const values = here.words.get(name);
    if (!values) return "";
    if (values.is === "numbers") return Number.isFinite(values.values[at]) ? String(Number(values.values[at].toPrecision(6))) : "";
    return values.codes[at] < 0 ? "" : values.names[values.codes[at]];
  };

  function linesAt(at) {
    const dose = nameAt("Metadata_Concentration", at);
    const lines = [nameAt("Metadata_Compound", at) + (Number(dose) ? ` ${dose} µM` : ""), nameAt("Metadata_MoA", at)];
    if (state.level !== "treatments") lines.push(`${nameAt("Metadata_Plate", at)} ${nameAt("Metadata_Well", at)}`);
    if (state.level !== "cells") lines.push(`${nameAt("Cells", at)} cells`);
    if (told.coloured.is === "numbers") lines.push(`${told.label}: ${nameOfColour(at)}`);
    else if (!["Metadata_MoA", "Metadata_Compound", "Metadata_Plate", "Metadata_Well"].includes(state.colour)) {
      lines.push(`${told.label}: ${nameOfColour(at)}`);
    }
    return lines.filter(Boolean);
  }

  function nameOfColour(at) {
    const { column: shown } = told;
    if (shown.is === "numbers") return Number.isFinite(shown.values[at]) ? String(Number(shown.values[at].toPrecision(4))) : "none";
    return shown.codes[at] < 0 ? "none" : shown.names[shown.codes[at]];
  }

  function hover(at) {
    if (here) card.show(mouse, rowsAt(at), linesAt(at));
  }

  // Where the chosen cell, or its well or treatment, lies at the level that is shown.
  function placeOf(row, known) {
    if (row === null || !here) return -1;
    if (state.level === "cells") return here.place.has(row) ? here.place.get(row) : -1;
    if (!known) return -1;
    const at = state.level === "wells" ? known.well_place : known.treatment_place;
    return at === null || at === undefined ? -1 : at;
  }

  let cell = null;

  function ring() {
    const near = state.level === "cells" && cell
      ? cell.neighbours.map((each) => placeOf(each.row)).filter((at) => at >= 0) : [];
    scatter.ring(cell ? placeOf(cell.row, cell) : -1, near);
  }

  async function choose(row, { keep = false } = {}) {
    if (asked) asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    state.cell = row;
    if (!keep) {
      state.z.clear();
      state.share = 0;
    }
    remember();
    try {
      const known = await source.cell(row, signal);
      if (signal.aborted) return;
      cell = known;
      panel.show(cell);
      ring();
      const later = [sliders.show(row, signal), panel.field(row, signal)];
      await Promise.all(later);
    } catch (error) {
      if (error.name !== "AbortError") fail(error);
    }
  }

  function chooseAt(at) {
    const [row] = rowsAt(at);
    if (row === undefined) say("No cell of this point is among those shown.");
    else choose(row);
  }

  // Points and colours.

  function columnTold(name) {
    return start.levels[state.level].columns.find((each) => each.name === name);
  }

  function labelOf(name) {
    if (name.startsWith("z:")) return `latent ${name.slice(2)}`;
    return (columnTold(name) || { label: name }).label;
  }

  function paint(refit) {
    const { coloured } = told;
    const hide = coloured.is === "names" && hidden.size ? (at) => hidden.has(coloured.codes[at]) : null;
    scatter.setEqual(here.plane.equal);
    scatter.draw({
      x: here.plane.x, y: here.plane.y, colours: coloured.colours, markers: coloured.markers,
      hidden: hide, labels: here.plane.labels, refit,
    });
    selection.set(state.level, []);
    ring();
  }

  async function recolour(refit = false) {
    const mine = turn;
    const shown = await column(state.level, state.colour);
    if (mine !== turn) return;
    hidden = new Set();
    const label = labelOf(state.colour);
    const coloured = Phenovae.colouring.coloured(shown, state.colour, start.numbers, dark.matches);
    told = { column: shown, coloured, label };
    paint(refit);
    legend.show(label, coloured, hidden);
    if (part("status").textContent.startsWith("Under way")) say("");
  }

  async function show() {
    const mine = (turn += 1);
    card.hide();
    try {
      fill();
      const words = ["Metadata_Compound", "Metadata_Concentration", "Metadata_MoA", "Metadata_Plate",
        "Metadata_Well", "Cells"].filter(columnTold);
      const [points, flat, ...texts] = await Promise.all([
        level(state.level), plane(state.level, state.plane), ...words.map((name) => column(state.level, name))]);
      if (mine !== turn) return;
      here = {
        points, plane: flat, words: new Map(words.map((name, at) => [name, texts[at]])),
        place: new Map(Array.from(points.rows, (row, at) => [row, at])),
      };
      await recolour(true);
      const { said } = start.levels[state.level];
      const shapes = scatter.many() ? "So many points are all discs; fewer have the legend's shapes." : "";
      const far = scatter.outside();
      const beyond = far ? `${far.toLocaleString("en")} far off: zoom out to see ${far === 1 ? "it" : "them"}.` : "";
      part("note").textContent = [said + ".", flat.note, beyond, shapes].filter(Boolean).join(" ");
      if (mine === turn && part("status").textContent.startsWith("Under way")) say("");
      document.body.dataset.shown = `${state.level} ${state.plane} ${state.colour}`;
    } catch (error) {
      if (mine === turn) fail(error);
    }
  }

  // Controls.

  const option = (value, text) => {
    const found = document.createElement("option");
    found.value = value;
    found.textContent = text;
    return found;
  };
  const group = (label, options) => {
    const found = document.createElement("optgroup");
    found.label = label;
    found.append(...options);
    return found;
  };
  const latentOptions = (prefix) => start.latents.map(({ latent }) => option(`${prefix}${latent}`, `latent ${latent}`));

  // The controls as the state has them; what a level has not falls back to what it has.
  function fill() {
    const { planes, columns } = start.levels[state.level];
    const ofLatents = state.plane.startsWith("z:");
    const pair = /^z:(\d+):(\d+)$/.exec(state.plane);
    if (!(pair || planes.some((each) => each.name === state.plane))) state.plane = planes[0].name;
    const known = columns.filter((each) => each.colour);
    if (!/^z:\d+$/.test(state.colour) && !known.some((each) => each.name === state.colour)) {
      state.colour = known.length ? (known.find((each) => each.name === "Metadata_MoA") || known[0]).name : "";
    }
    part("plane").replaceChildren(...planes.map((each) => option(each.name, each.label)),
      ...(start.latents.length > 1 ? [option("z", "two latents")] : []));
    part("plane").value = ofLatents && pair ? "z" : state.plane;
    part("pair").hidden = !(ofLatents && pair);
    if (pair) [part("first").value, part("second").value] = [pair[1], pair[2]];
    const of = (test) => known.filter(({ name }) => test(name)).map((each) => option(each.name, each.label));
    const measured = (name) => /^(Measure|Position|Intensity)_/.test(name);
    const groups = [
      ["What it is", of((name) => !measured(name) && !name.startsWith("verdict:"))],
      ["Verdict", of((name) => name.startsWith("verdict:"))],
      ["Measures", of(measured)],
      ["Latents", latentOptions("z:")],
    ];
    part("colour").replaceChildren(...groups.filter(([, options]) => options.length).map(([label, options]) => group(label, options)));
    part("colour").value = state.colour;
    part("palette").value = state.palette;
    part("channel").value = state.channel;
    for (const radio of part("levels").querySelectorAll("input")) radio.checked = radio.value === state.level;
    remember();
  }

  function repaint() {
    card.hide();
    remember();
    if (cell) {
      panel.show(cell);
      panel.field(cell.row, asked.signal).catch(() => undefined);
      sliders.repaint();
    }
  }

  part("run").textContent = start.run;
  part("said").textContent = [
    start.synthetic ? "synthetic: no cell here is real" : "", start.frozen || "",
    start.micrometres ? `a crop is ${start.micrometres.toFixed(1)} µm wide` : "",
    `channels: ${start.channels.join(", ")}`].filter(Boolean).join(" · ");
  for (const [name, text] of [["treatments", "treatment"], ["wells", "well"], ["cells", "cell"]]) {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.name = "level";
    radio.value = name;
    radio.addEventListener("change", () => {
      state.level = name;
      show();
    });
    label.append(radio, text);
    part("levels").append(label);
  }
  for (const id of ["first", "second"]) {
    part(id).replaceChildren(...start.latents.map(({ latent }) => option(latent, `latent ${latent}`)));
    part(id).addEventListener("change", () => {
      state.plane = `z:${part("first").value}:${part("second").value}`;
      show();
    });
  }
  part("plane").addEventListener("change", () => {
    const { value } = part("plane");
    state.plane = value === "z" ? `z:${start.latents[0].latent}:${start.latents[1].latent}` : value;
    show();
  });
  part("colour").addEventListener("change", async () => {
    state.colour = part("colour").value;
    remember();
    turn += 1;
    await recolour().catch(fail);
    document.body.dataset.shown = `${state.level} ${state.plane} ${state.colour}`;
  });
  part("palette").addEventListener("change", () => {
    state.palette = part("palette").value;
    repaint();
  });
  part("channel").replaceChildren(option("all", "all together"),
    ...start.channels.map((name, at) => option(at, `${name} alone`)));
  part("channel").addEventListener("change", () => {
    state.channel = part("channel").value;
    repaint();
  });
  if (state.channel !== "all" && !(Number(state.channel) < start.channels.length)) state.channel = "all";
  if (!start.palettes[state.palette]) state.palette = "field";
  part("clear").addEventListener("click", () => scatter.select([]));
  part("link").addEventListener("click", async () => {
    remember();
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link is copied. It opens while this explorer runs, in this browser.");
    } catch {
      say("The browser does not allow copying: take the address from its bar.");
    }
  });
  dark.addEventListener("change", () => {
    scatter.dress();
    recolour().catch(fail);
  });
  addEventListener("hashchange", () => {
    Object.assign(state, Phenovae.state.read(location.hash));
    show();
    if (state.cell !== null) choose(state.cell, { keep: true });
  });

  // Finding by name: every point whose metadata hold the words.
  let matches = { words: "", level: "", places: [], at: -1 };
  async function find(step) {
    const words = part("find").value.trim().toLowerCase();
    if (!words) return;
    if (matches.words !== words || matches.level !== state.level) {
      const names = start.levels[state.level].columns
        .filter((each) => each.is === "names" && each.name.startsWith("Metadata_")).map((each) => each.name);
      const columns = await Promise.all(names.map((name) => column(state.level, name)));
      const places = new Set();
      for (const each of columns) {
        const right = new Set();
        each.names.forEach((name, code) => { if (name.toLowerCase().includes(words)) right.add(code); });
        if (right.size) each.codes.forEach((code, at) => { if (right.has(code)) places.add(at); });
      }
      matches = { words, level: state.level, places: [...places].sort((a, b) => a - b), at: step > 0 ? -1 : 0 };
    }
    const { places } = matches;
    if (!places.length) {
      say(`Nothing here is called “${words}”.`);
      return;
    }
    matches.at = (matches.at + step + places.length) % places.length;
    say(`${matches.at + 1} of ${places.length.toLocaleString("en")} for “${words}”.`);
    chooseAt(places[matches.at]);
  }
  part("search").addEventListener("submit", (event) => {
    event.preventDefault();
    find(1).catch(fail);
  });
  part("previous").addEventListener("click", () => find(-1).catch(fail));

  await scatter.ready;
  await show();
  scatter.fit();
  if (state.cell !== null) await choose(state.cell, { keep: true });
  document.body.dataset.ready = "yes";
  Phenovae.page = { state, scatter, source, start };
});
