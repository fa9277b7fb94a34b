"use strict";
(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);

  const near = (map, point) => {
    const line = map.querySelector(".link");
    const points = [...map.querySelectorAll(".point")];
    points.forEach((each) => each.classList.remove("neighbour"));
    const other = point && point.dataset.near !== undefined ? points[point.dataset.near] : null;
    const at = (each) => each.getAttribute("transform").match(/-?[\d.]+/g).join(" ");
    line.setAttribute("d", other ? `M${at(point)}L${at(other)}` : "");
    if (other) other.classList.add("neighbour");
    return other;
  };

  const show = (element) => {
    tip.replaceChildren(
      ...element.dataset.tip.split("\n").map((text, n) => {
        const line = document.createElement(n ? "span" : "b");
        line.textContent = text;
        return line;
      }),
    );
    tip.hidden = false;
    const box = element.getBoundingClientRect();
    const wide = document.documentElement.clientWidth;
    const left = Math.min(Math.max(8, box.left + box.width / 2 - tip.offsetWidth / 2), wide - tip.offsetWidth - 8);
    const map = element.closest(".map");
    const other = map ? near(map, element) : null;
    // On the side that the neighbour is not on.
    const above = box.top - tip.offsetHeight - 8;
    const below = above < 0 || (other && other.getBoundingClientRect().top < box.top);
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(below ? box.bottom + 8 : above) + scrollY}px`;
  };
  const hide = (element) => {
    tip.hidden = true;
    const map = element.closest(".map");
    if (map) near(map, null);
  };

  for (const svg of document.querySelectorAll(".map svg[role=group], .plot svg[role=group]")) {
    const items = [...svg.querySelectorAll("[data-tip]")];
    const enter = (element) => items.forEach((each) => each.setAttribute("tabindex", each === element ? "0" : "-1"));
    if (items.length) enter(items[0]);
    const places = items.map((each) => (each.getAttribute("transform") || "0 0").match(/-?[\d.]+/g).map(Number));
    const ahead = (from, key) => {
      const list = !items[from].hasAttribute("transform");
      if (list || key === "Home" || key === "End") {
        const step = { ArrowUp: from - 1, ArrowLeft: from - 1, ArrowDown: from + 1, ArrowRight: from + 1, Home: 0, End: items.length - 1 };
        return Math.min(Math.max(step[key], 0), items.length - 1);
      }
      const side = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
      let best = from, least = Infinity;
      places.forEach(([x, y], to) => {
        const dx = x - places[from][0], dy = y - places[from][1];
        const along = dx * side[0] + dy * side[1], across = Math.abs(dx * side[1]) + Math.abs(dy * side[0]);
        if (to === from || along < 0 || (along === 0 && across > 0) || (along === 0 && to < from)) return;
        const cost = along + 2.5 * across;
        if (cost < least) { best = to; least = cost; }
      });
      return best;
    };
    for (const item of items) {
      item.addEventListener("pointerenter", () => show(item));
      item.addEventListener("pointerleave", () => hide(item));
      item.addEventListener("focus", () => { enter(item); show(item); });
      item.addEventListener("blur", () => hide(item));
      item.addEventListener("keydown", (event) => {
        if (event.key === "Escape") hide(item);
        if (!/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(event.key)) return;
        event.preventDefault();
        const to = items[ahead(items.indexOf(item), event.key)];
        enter(to);
        to.focus();
      });
    }
  }

  const shapes = JSON.parse(document.body.dataset.shapes);
  for (const map of document.querySelectorAll(".map")) {
    map.querySelector(".choose").hidden = false;
    map.querySelector(".able").hidden = false;
    map.addEventListener("change", (event) => {
      if (event.target.type !== "radio") return;
      const by = Number(event.target.value);
      for (const point of map.querySelectorAll(".point")) {
        const [colour, shape] = point.dataset.marks.trim().split(" ")[by].split(".");
        point.setAttribute("class", point.getAttribute("class").replace(/\bc\d+\b/, `c${colour}`));
        point.querySelector("path").setAttribute("d", shapes[shape]);
      }
      for (const key of map.querySelectorAll(".marks")) key.hidden = Number(key.dataset.by) !== by;
    });
  }

  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();

  const every = document.querySelector(".every");
  if (every) {
    const all = document.querySelectorAll(".compound");
    every.hidden = false;
    every.addEventListener("click", () => {
      const opened = every.getAttribute("aria-pressed") !== "true";
      all.forEach((each) => { each.open = opened; });
      every.setAttribute("aria-pressed", opened);
    });
  }

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((each) => { each.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((each) => { each.open = false; }));
})();
