"use strict";

// The card beside the mouse: crops and a few words of the point under it.
Phenovae.cards = (element, draw) => {
  let turn = 0;

  const line = (text) => {
    const found = document.createElement("p");
    found.textContent = text;
    return found;
  };

  function beside(place) {
    const { offsetWidth: width, offsetHeight: height } = element;
    const right = place.x + 18 + width < innerWidth;
    const x = right ? place.x + 18 : Math.max(4, place.x - width - 18);
    const y = Math.min(Math.max(4, place.y - height / 2), innerHeight - height - 4);
    element.style.left = `${x}px`;
    element.style.top = `${y}px`;
  }

  return {
    async show(place, rows, lines) {
      const mine = (turn += 1);
      const crops = document.createElement("div");
      crops.className = rows.length === 1 ? "crops one" : "crops";
      const canvases = rows.map(() => document.createElement("canvas"));
      crops.append(...canvases);
      await Promise.all(rows.map((row, at) => draw(canvases[at], row))).catch(() => undefined);
      if (mine !== turn) return;
      element.replaceChildren(crops, ...lines.map(line));
      element.hidden = false;
      beside(place);
    },
    hide() {
      turn += 1;
      element.hidden = true;
    },
  };
};
