"use strict";

// A column into the colour and shape of every mark, and what the legend says of it.
Phenovae.colouring = (() => {
  const MISSING = { light: "#9aa3ad", dark: "#77818c" };
  const SHAPES = {
    o: "circle", s: "square", "^": "triangle", D: "diamond", P: "plus", X: "x",
    v: "inverted_triangle", "*": "star",
  };

  const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const hex = (rgb) => `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;

  // Marks are made for white paper; on dark ground the dark ones are lifted.
  function onGround(colour, dark) {
    if (!dark) return colour;
    const rgb = parts(colour);
    const light = (0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]) / 255;
    const mix = Math.max(0, Math.min(0.6, (0.5 - light) * 1.2));
    return hex(rgb.map((part) => part + (255 - part) * mix));
  }

  function names(column, dark) {
    const styles = column.styles.map(([colour, shape]) => [onGround(colour, dark), SHAPES[shape]]);
    const missing = dark ? MISSING.dark : MISSING.light;
    const counts = new Array(column.names.length).fill(0);
    const colours = new Array(column.codes.length);
    const markers = new Array(column.codes.length);
    column.codes.forEach((code, at) => {
      colours[at] = code < 0 ? missing : styles[code][0];
      markers[at] = code < 0 ? "circle" : styles[code][1];
      if (code >= 0) counts[code] += 1;
    });
    const key = column.names.map((name, at) => (
      { name, colour: styles[at][0], shape: styles[at][1], count: counts[at] }));
    return { colours, markers, key, codes: column.codes };
  }

  function amounts(column, palette, dark, logarithmic) {
    const steps = dark ? palette.slice(Math.floor(palette.length / 4)) : palette;
    const missing = dark ? MISSING.dark : MISSING.light;
    const used = column.values.filter((value) => Number.isFinite(value) && (!logarithmic || value > 0));
    used.sort();
    const at = (share) => used[Math.min(used.length - 1, Math.floor(share * used.length))];
    const [low, high] = used.length ? [at(0.01), at(0.99)] : [0, 1];
    const scale = logarithmic ? Math.log10 : (value) => value;
    const span = scale(high) - scale(low) || 1;
    const colours = Array.from(column.values, (value) => {
      if (!Number.isFinite(value)) return missing;
      if (logarithmic && value <= 0) return steps[0];
      const share = (scale(value) - scale(low)) / span;
      return steps[Math.min(steps.length - 1, Math.max(0, Math.floor(share * steps.length)))];
    });
    const lacking = column.values.length
      - column.values.reduce((sum, value) => sum + Number(Number.isFinite(value)), 0);
    return {
      colours, markers: new Array(colours.length).fill("circle"), steps, low, high, logarithmic,
      lacking, missing,
    };
  }

  function wideRange(values) {
    let low = Infinity;
    let high = 0;
    for (const value of values) {
      if (value > 0 && value < low) low = value;
      if (value > high) high = value;
    }
    return high / low > 50;
  }

  function coloured(column, name, palette, dark) {
    if (column.is === "names") return { is: "names", ...names(column, dark) };
    const logarithmic = name === "Metadata_Concentration" && wideRange(column.values);
    return { is: "numbers", ...amounts(column, palette, dark, logarithmic) };
  }

  return { coloured };
})();
