"use strict";

// What is shown, all of it, as it stands in the address after the #.
Phenovae.state = (() => {
  const LEVELS = ["treatments", "wells", "cells"];
  const beginning = () => ({
    level: "cells", plane: "pca", colour: "Metadata_MoA", cell: null, palette: "field",
    channel: "all", z: new Map(), way: null, share: 0,
  });

  const whole = (text) => (/^\d{1,9}$/.test(text || "") ? Number(text) : null);
  const number = (text) => (Number.isFinite(Number(text)) ? Number(text) : 0);

  function read(fragment) {
    const told = new URLSearchParams(fragment.replace(/^#/, ""));
    const found = beginning();
    if (LEVELS.includes(told.get("level"))) found.level = told.get("level");
    for (const name of ["plane", "colour", "palette", "channel"]) {
      if (told.get(name)) found[name] = told.get(name);
    }
    found.cell = whole(told.get("cell"));
    found.way = whole(told.get("way"));
    found.share = Math.min(1.5, Math.max(0, number(told.get("share") || 0)));
    for (const part of (told.get("z") || "").split(",")) {
      const [latent, value] = part.split(":");
      if (whole(latent) !== null && value && Number.isFinite(Number(value))) {
        found.z.set(Number(latent), Number(value));
      }
    }
    return found;
  }

  function written(state) {
    const told = new URLSearchParams();
    const usual = beginning();
    for (const name of ["level", "plane", "colour", "palette", "channel"]) {
      if (state[name] !== usual[name] || name === "level") told.set(name, state[name]);
    }
    if (state.cell !== null) told.set("cell", String(state.cell));
    const z = latents(state);
    if (z) told.set("z", z);
    if (state.way !== null) told.set("way", String(state.way));
    if (state.share) told.set("share", String(state.share));
    return `#${told.toString()}`;
  }

  function latents(state) {
    return [...state.z].map(([latent, value]) => `${latent}:${value}`).join(",");
  }

  // The token leaves the address as soon as the cookie stands for it: links are for showing.
  function remember(state) {
    history.replaceState(null, "", location.pathname + written(state));
  }

  return { beginning, read, written, latents, remember };
})();
