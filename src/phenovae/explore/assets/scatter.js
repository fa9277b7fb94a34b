"use strict";

// The map. Bokeh has the axes, the tools and the marks of up to FEW points; more are written as
// pixels over its frame. What is under the mouse, or within the lasso, is found here.
Phenovae.scatter = (element, { hovered, left, clicked, selected }) => {
  const REACH = 12;
  const FEW = 2500;
  const plotting = Bokeh.Plotting;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const source = new Bokeh.ColumnDataSource({ data: { x: [], y: [], colour: [], marker: [] } });
  const rings = new Bokeh.ColumnDataSource({ data: { x: [], y: [] } });
  const near = new Bokeh.ColumnDataSource({ data: { x: [], y: [] } });
  const range = () => new Bokeh.Range1d({ start: 0, end: 1 });
  const figure = plotting.figure({
    x_range: range(), y_range: range(), sizing_mode: "stretch_both",
    tools: ["pan", "wheel_zoom", "box_zoom", "lasso_select", "reset"], toolbar_location: "right",
    active_scroll: "wheel_zoom", lod_threshold: null,
  });
  const glyph = figure.scatter({ field: "x" }, { field: "y" }, {
    source, marker: { field: "marker" }, fill_color: { field: "colour" },
    line_color: { field: "colour" }, line_width: 1.6, size: 6, fill_alpha: 0.85, line_alpha: 0.85,
    nonselection_fill_alpha: 0.12, nonselection_line_alpha: 0.12,
  });
  const lasso = figure.toolbar.tools.find((tool) => tool.type === "LassoSelectTool");
  lasso.renderers = [];
  const ringOf = (from, size, width, dash) => figure.scatter({ field: "x" }, { field: "y" }, {
    source: from, marker: "circle", fill_color: null, size, line_width: width, line_dash: { value: dash },
    nonselection_line_alpha: 1,
  });
  const around = ringOf(near, 13, 1.5, [3, 2]);
  const chosen = ringOf(rings, 20, 3, []);
  figure.toolbar.logo = null;
  const above = document.createElement("canvas");
  above.id = "pixels";
  above.hidden = true;
  const raster = Phenovae.raster(above);

  let index = Phenovae.points.indexed([], []);
  let shown = { x: new Float32Array(0), y: new Float32Array(0) };
  let place = -1;
  let equal = true;

  function dress() {
    const [ink, soft, line, ground] = ["--ink", "--soft", "--line", "--plot"].map(css);
    figure.background_fill_color = ground;
    figure.border_fill_color = ground;
    figure.outline_line_color = line;
    for (const axis of [...figure.below, ...figure.left]) {
      axis.axis_label_text_color = ink;
      axis.major_label_text_color = soft;
      for (const part of ["axis_line_color", "major_tick_line_color", "minor_tick_line_color"]) {
        axis[part] = line;
      }
    }
    for (const grid of figure.center) grid.grid_line_color = line;
    for (const renderer of [chosen, around]) {
      renderer.glyph.line_color = ink;
      renderer.nonselection_glyph.line_color = ink;
    }
  }

  function fit() {
    const [left_, right, bottom, top] = index.framed;
    let [width, height] = [1.08 * (right - left_), 1.08 * (top - bottom)];
    const [across, up] = [figure.inner_width || element.clientWidth, figure.inner_height || element.clientHeight];
    if (equal && across > 0 && up > 0) {
      const unit = Math.max(width / across, height / up);
      [width, height] = [unit * across, unit * up];
    }
    const [middleX, middleY] = [(left_ + right) / 2, (bottom + top) / 2];
    const set = (to, middle, size) => {
      to.setv({ start: middle - size / 2, end: middle + size / 2,
        reset_start: middle - size / 2, reset_end: middle + size / 2 });
    };
    set(figure.x_range, middleX, width);
    set(figure.y_range, middleY, height);
  }

  function under(event) {
    const reachX = (REACH * (figure.x_range.end - figure.x_range.start)) / (figure.inner_width || 1);
    const reachY = (REACH * (figure.y_range.end - figure.y_range.start)) / (figure.inner_height || 1);
    return index.nearest(event.x, event.y, reachX, reachY);
  }

  figure.on_event("mousemove", (event) => {
    const found = under(event);
    if (found === place) return;
    place = found;
    if (place >= 0) hovered(place); else left();
  });
  element.addEventListener("pointerleave", () => {
    place = -1;
    left();
  });
  figure.on_event("tap", (event) => {
    const found = under(event);
    if (found >= 0) clicked(found);
  });
  figure.on_event("selectiongeometry", ({ geometry, final }) => {
    if (final && geometry.type === "poly") select(Phenovae.points.within(shown, geometry));
  });
  figure.on_event("reset", () => select([]));
  dress();
  const shownAt = plotting.show(figure, element);
  element.append(above);

  let waiting = false;
  function pixels() {
    if (above.hidden || waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const view = Bokeh.index.find_one(figure);
      const { left: at, top, width, height } = view && view.frame ? view.frame.bbox : { width: 0 };
      if (!(width > 1)) {
        // Bokeh has not laid its frame out yet.
        setTimeout(pixels, 50);
        return;
      }
      raster.draw({ left: at, top, width, height }, figure.x_range.start, figure.x_range.end,
        figure.y_range.start, figure.y_range.end);
    });
  }
  for (const over of [figure.x_range, figure.y_range]) over.change.connect(pixels);
  for (const name of ["inner_width", "inner_height"]) figure.properties[name].change.connect(pixels);
  new ResizeObserver(() => setTimeout(pixels, 100)).observe(element);

  function select(places) {
    if (above.hidden) source.selected.indices = places;
    raster.choose(places);
    pixels();
    selected(places);
  }

  const size = (count) => (count <= 300 ? 12 : 7);

  // Hidden points are no numbers: neither drawn nor found.
  function draw({ x, y, colours, markers, hidden, labels, refit }) {
    const visible = { x: Float64Array.from(x), y: Float64Array.from(y) };
    if (hidden) {
      for (let at = 0; at < x.length; at += 1) if (hidden(at)) visible.x[at] = visible.y[at] = NaN;
    }
    shown = visible;
    const whole = index;
    index = Phenovae.points.indexed(visible.x, visible.y);
    if (!refit) [index.framed, index.outside] = [whole.framed, whole.outside];
    glyph.glyph.size = glyph.nonselection_glyph.size = glyph.selection_glyph.size = size(x.length);
    source.selected.indices = [];
    above.hidden = x.length <= FEW;
    const marks = above.hidden
      ? { x: visible.x, y: visible.y, colour: colours, marker: markers }
      : { x: [], y: [], colour: [], marker: [] };
    source.data = marks;
    if (!above.hidden) raster.set({ ...visible, colours });
    pixels();
    if (labels) {
      [figure.below[0].axis_label, figure.left[0].axis_label] = labels;
    }
    if (refit) fit();
  }

  function ring(at, neighbours) {
    const of = (places) => ({
      x: places.map((each) => shown.x[each]), y: places.map((each) => shown.y[each]),
    });
    rings.data = of(at === null || at < 0 ? [] : [at]);
    near.data = of(neighbours);
  }

  return {
    draw, ring, dress,
    ready: shownAt,
    setEqual(told) { equal = told; },
    select,
    many: () => !above.hidden,
    outside: () => index.outside,
    figure,
    fit,
  };
};
