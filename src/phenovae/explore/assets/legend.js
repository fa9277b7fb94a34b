"use strict";

// The legend, beside the map: names can be hidden one by one, amounts have their ends.
Phenovae.legend = (element, toggled) => {
  const PATHS = {
    circle: "M10 4a6 6 0 1 0 .01 0z", square: "M4.5 4.5h11v11h-11z",
    triangle: "M10 3.5 16.5 15h-13z", inverted_triangle: "M10 16.5 3.5 5h13z",
    diamond: "M10 3 15.5 10 10 17 4.5 10z", plus: "M8 3h4v5h5v4h-5v5H8v-5H3V8h5z",
    x: "M4 6 6 4l4 4 4-4 2 2-4 4 4 4-2 2-4-4-4 4-2-2 4-4z",
    star: "m10 2 2.3 5.2 5.7.6-4.2 3.8 1.2 5.6-5-2.9-5 2.9 1.2-5.6L2 7.8l5.7-.6z",
  };
  const made = (tag, text) => {
    const found = document.createElement(tag);
    if (text !== undefined) found.textContent = text;
    return found;
  };

  function mark(colour, shape) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", "0 0 20 20");
    svg.setAttribute("width", "16");
    svg.setAttribute("height", "16");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(space, "path");
    path.setAttribute("d", PATHS[shape] || PATHS.circle);
    path.setAttribute("fill", colour);
    svg.append(path);
    return svg;
  }

  const short = (value) => (value === 0 ? "0" : Number(value.toPrecision(3)).toString());

  function amounts(label, told) {
    const canvas = made("canvas");
    canvas.width = told.steps.length;
    canvas.height = 1;
    const context = canvas.getContext("2d");
    told.steps.forEach((colour, at) => {
      context.fillStyle = colour;
      context.fillRect(at, 0, 1, 1);
    });
    const ends = made("p");
    ends.className = "ends";
    ends.append(made("span", short(told.low)), made("span", short(told.high)));
    const note = made("p", `The ends are the 1st and 99th percentile${told.logarithmic ? "; logarithmic" : ""}.`);
    element.append(canvas, ends, note);
    if (told.lacking) element.append(made("p", `Grey: ${told.lacking.toLocaleString("en")} without a value.`));
  }

  function names(told, hidden) {
    const list = made("ul");
    told.key.forEach((entry, code) => {
      const button = made("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(!hidden.has(code)));
      button.append(mark(entry.colour, entry.shape), made("span", entry.name),
        made("small", entry.count.toLocaleString("en")));
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(hidden.has(code)));
        toggled(code);
      });
      const item = made("li");
      item.append(button);
      list.append(item);
    });
    element.append(list);
  }

  return {
    show(label, told, hidden) {
      element.replaceChildren(made("h2", label));
      if (told.is === "names") names(told, hidden); else amounts(label, told);
    },
  };
};
