"use strict";

// Sliders over latents, and the way from control to drug: each move is decoded at once.
Phenovae.sliders = ({ source, start, state, draw, remember, fail }) => {
  const part = (id) => document.getElementById(id);
  let current = null;
  let latents = null;
  let count = Math.min(start.sliders, start.latents.length);
  let under = null;
  let waiting = null;

  const option = (value, text) => {
    const found = document.createElement("option");
    found.value = value;
    found.textContent = text;
    return found;
  };
  const doseText = (dose) => `${Number(dose.toPrecision(6))} µM`;

  // Only the newest picture matters: what is under way is given up, what waits is replaced.
  function moved() {
    remember();
    const since = performance.now();
    if (waiting !== null) cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => {
      waiting = null;
      decode(since);
    });
  }

  async function decode(since) {
    if (current === null) return;
    if (under) under.abort();
    under = new AbortController();
    const { signal } = under;
    const row = current;
    try {
      const z = Phenovae.state.latents(state);
      const found = await source.decode({
        row, z, way: state.way, share: state.share, side: start.side,
        channels: start.channels.length, signal,
      });
      if (signal.aborted || row !== current) return;
      draw(part("decoded"), found.planes);
      if (found.told) part("made").textContent = found.told;
      const spent = performance.now() - since;
      part("speed").dataset.spent = spent.toFixed(1);
      part("speed").textContent = source.live
        ? `Picture ${spent.toFixed(0)} ms after the move (${found.server === null ? "?" : found.server.toFixed(0)} ms of it decoding).`
        : "";
    } catch (error) {
      if (error.name !== "AbortError" && row === current) fail(error);
    }
  }

  function slider({ latent, kl }) {
    const range = latents.ranges[latent];
    const mean = latents.mean[latent];
    const reach = Math.max(range, Math.abs(mean));
    const label = document.createElement("label");
    label.className = "slider";
    const text = document.createElement("span");
    text.textContent = `latent ${latent}${kl === null ? "" : ` (KL ${kl.toFixed(2)} nats)`}`;
    const output = document.createElement("output");
    const input = document.createElement("input");
    input.type = "range";
    input.min = String(-Math.ceil(reach * 10) / 10);
    input.max = String(Math.ceil(reach * 10) / 10);
    input.step = source.live ? "0.05" : "any";
    input.dataset.latent = String(latent);
    // The label would else be that of the output, which stands first in it.
    input.id = `latent-${latent}`;
    label.htmlFor = input.id;
    output.htmlFor = input.id;
    const show = () => { output.textContent = Number(input.value).toFixed(2); };
    input.value = String(state.z.has(latent) ? state.z.get(latent) : mean);
    show();
    input.addEventListener("input", () => {
      if (!source.live) alone(latent);
      state.z.set(latent, Number(Number(input.value).toFixed(3)));
      show();
      moved();
    });
    label.append(text, output, input);
    return label;
  }

  // Precomputed pictures are of one latent at a time.
  function alone(latent) {
    for (const other of [...state.z.keys()]) if (other !== latent) state.z.delete(other);
    state.share = 0;
    for (const input of part("sliders").querySelectorAll("input")) {
      const mine = Number(input.dataset.latent);
      if (mine !== latent) {
        input.value = String(latents.mean[mine]);
        input.previousElementSibling.textContent = latents.mean[mine].toFixed(2);
      }
    }
    way();
  }

  function lay() {
    // A latent of a deep link that is used little has its slider all the same.
    const shown = start.latents.filter((each, at) => at < count || state.z.has(each.latent));
    part("sliders").replaceChildren(...shown.map(slider));
    part("more").hidden = !source.live || count >= start.latents.length;
  }

  function doses() {
    const compound = part("compound").value;
    const ways = start.ways.filter((each) => each.compound === compound);
    part("dose").replaceChildren(...ways.map((each) => option(each.treatment, doseText(each.dose))));
    part("dose").disabled = !ways.length;
  }

  function way() {
    const known = start.ways.find((each) => each.treatment === state.way);
    if (known) {
      part("compound").value = known.compound;
      doses();
      part("dose").value = String(known.treatment);
    }
    part("share").value = String(state.share);
    part("share-text").textContent = `${Math.round(100 * state.share)} %`;
    part("share").setAttribute("aria-valuetext", `${Math.round(100 * state.share)} percent of the way`);
  }

  function setUpWays() {
    const compounds = [...new Set(start.ways.map((each) => each.compound))];
    const able = compounds.length > 0 && start.controls > 0;
    for (const id of ["compound", "dose", "share"]) part(id).disabled = !able;
    part("drug-note").textContent = able
      ? start.ways_note || "The same cell as if treated: z + t · (mean of the dose − mean of the negative controls), "
        + `of ${start.controls.toLocaleString("en")} control cells. From a control cell 100 % is the dose.`
      : "This needs treatments and negative controls, and the run lacks one of them.";
    if (!able) return;
    if (start.share_step) part("share").step = String(start.share_step);
    part("compound").replaceChildren(...compounds.map((name) => option(name, name)));
    doses();
    const chosen = () => {
      state.way = Number(part("dose").value);
      way();
      moved();
    };
    part("compound").addEventListener("change", () => {
      doses();
      chosen();
    });
    part("dose").addEventListener("change", chosen);
    part("share").addEventListener("input", () => {
      if (state.way === null) state.way = Number(part("dose").value);
      state.share = Number(part("share").value);
      if (!source.live) state.z.clear();
      way();
      moved();
    });
  }

  setUpWays();
  part("reset").addEventListener("click", () => {
    state.z.clear();
    state.share = 0;
    if (latents) lay();
    way();
    moved();
  });
  part("more").addEventListener("click", () => {
    count += start.sliders;
    if (latents) lay();
  });

  return {
    async show(row, signal) {
      current = row;
      const since = performance.now();
      latents = await source.latents(row, signal);
      if (signal.aborted) return;
      part("latents-note").textContent = latents.note
        || `From this cell's posterior mean; the ${count} most used of ${start.latents.length} latents.`;
      part("made").textContent = "what it decodes";
      lay();
      way();
      await decode(since);
    },
    repaint() {
      if (current !== null) decode(performance.now());
    },
    way,
    lay() { if (latents) lay(); },
  };
};
