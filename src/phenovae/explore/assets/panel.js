"use strict";

// What is known of the chosen cell: itself, its nearest cells, its treatment, its field.
Phenovae.panel = ({ source, start, draw, drawField, choose, chooseField }) => {
  const part = (id) => document.getElementById(id);
  const made = (tag, text, kind) => {
    const found = document.createElement(tag);
    if (text !== undefined && text !== null) found.textContent = text;
    if (kind) found.className = kind;
    return found;
  };
  const number = (value) => (value === null || value === undefined ? "–" : value.toFixed(3));
  const row = (tag, cells) => {
    const found = made("tr");
    for (const [text, kind] of cells) found.append(made(tag, text, kind));
    return found;
  };

  function head(told) {
    const { metadata } = told;
    part("name").textContent = told.treatment;
    const control = metadata.Metadata_Role === "negative_control";
    const places = [
      ...(control ? [] : [metadata.Metadata_MoA || "mechanism unknown"]),
      `${metadata.Metadata_Plate} ${metadata.Metadata_Well}`,
      `cell ${metadata.Metadata_Cell}`,
    ];
    if (metadata.Split) places.push(metadata.Split);
    if (metadata.Quality_Flag) places.push(`flagged: ${metadata.Quality_Flag}`);
    part("where").textContent = places.join(" · ");
  }

  function nearest(told) {
    part("near-note").textContent = told.near_note
      || `Euclidean distance in the embedding (${told.dimensions} numbers), among the `
      + `${told.among.toLocaleString("en")} cells shown.`;
    part("near").replaceChildren(...told.neighbours.map((each) => {
      const button = made("button");
      button.type = "button";
      const canvas = made("canvas");
      draw(canvas, each.row);
      button.append(canvas, made("span", `${each.treatment}, ${each.distance.toPrecision(3)}`));
      if (each.same_well) button.append(made("span", "same well", "same"));
      button.title = `${each.moa || "mechanism unknown"}, ${each.well}`;
      button.addEventListener("click", () => choose(each.row));
      const item = made("li");
      item.append(button);
      return item;
    }));
  }

  const WORDS = {
    right: "right: its nearest neighbour has the same mechanism",
    wrong: "wrong: its nearest neighbour has another mechanism",
    tied: "tied: nearest neighbours of several mechanisms are equally near",
    "not scored": "not scored: no allowed neighbour has its mechanism, or it has no profile",
    "not known": "its mechanism is not known: what it is most like is a guess that nothing can check",
  };

  function table(each, moa) {
    const found = made("table");
    const head_ = made("thead");
    head_.append(row("th", [["rank", "number"], ["treatment"], ["mechanism"], ["similarity", "number"]]));
    const body = made("tbody");
    const listed = [...each.nearest];
    if (each.partner && each.partner.rank > listed.length) listed.push(each.partner);
    for (const other of listed) {
      const line = row("td", [[String(other.rank), "number"], [other.treatment], [other.moa],
        [other.similarity.toFixed(3), "number"]]);
      if (other.moa === moa) line.className = "mine";
      body.append(line);
    }
    found.append(head_, body);
    const around = made("div", null, "scroll");
    around.tabIndex = 0;
    around.setAttribute("role", "group");
    around.setAttribute("aria-label", `Nearest treatments by ${each.scoring}`);
    around.append(found);
    return around;
  }

  function why(each, moa) {
    const said = [];
    if (each.neighbour) {
      said.push(`Nearest among allowed treatments: ${each.neighbour} (${each.predicted}), `
        + `similarity ${number(each.similarity)}.`);
      if (each.runner_up !== null) {
        said.push(`Best of another mechanism than ${each.predicted}: ${number(each.runner_up)}; `
          + `margin ${number(each.margin)}.`);
      }
    }
    if (each.partner) {
      said.push(`Its best partner (${moa}) is ${each.partner.treatment}: rank ${each.partner.rank} `
        + `of ${each.candidates}, similarity ${number(each.partner.similarity)}.`);
    }
    return said.join(" ");
  }

  function verdicts(told) {
    const moa = told.metadata.Metadata_MoA;
    // The first scoring stands open; the others are a click away.
    const found = told.verdicts.map((each, at) => {
      const part_ = made("details", null, "verdict");
      part_.open = at === 0;
      part_.append(made("summary", `${each.scoring}: ${each.verdict}`));
      const word = made("p", WORDS[each.verdict], each.verdict === "wrong" ? "wrong" : "");
      if (each.verdict === "right") word.className = "right";
      part_.append(word, made("p", why(each, moa)));
      if (each.nearest && each.nearest.length) part_.append(table(each, moa));
      return part_;
    });
    if (!found.length) found.push(made("p", told.why_no_verdict || "Nothing was scored."));
    part("verdicts").replaceChildren(...found);
  }

  function profile(told) {
    const { profile: known } = told;
    part("treatment").replaceChildren(made("p",
      `${told.treatment}: ${known.cells.toLocaleString("en")} usable cells, ${known.wells} wells.`));
    part("profile").hidden = !known.values;
    if (!known.values) return;
    const canvas = part("bars");
    const ink = getComputedStyle(document.documentElement).getPropertyValue("--link").trim();
    canvas.width = 640;
    canvas.height = 100;
    const context = canvas.getContext("2d");
    const most = Math.max(...known.values.map(Math.abs), 1e-9);
    const wide = canvas.width / known.values.length;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = ink;
    known.values.forEach((value, at) => {
      const tall = (48 * value) / most;
      context.fillRect(at * wide, 50 - Math.max(0, tall), Math.max(1, wide - 1), Math.abs(tall) || 1);
    });
    const text = `Profile by ${known.protocol}: ${known.values.length} numbers, `
      + `the largest ${most.toPrecision(3)} from the middle line; ${known.cells.toLocaleString("en")} cells.`;
    canvas.setAttribute("aria-label", text);
    part("profile-text").textContent = text;
  }

  function facts(told) {
    const all = Object.entries({ ...told.metadata, ...told.measures });
    part("facts").replaceChildren(...all.flatMap(([name, value]) => [
      made("dt", name),
      made("dd", value === null ? "–" : typeof value === "number" ? String(Number(value.toPrecision(6))) : value),
    ]));
  }

  async function field(row_, signal) {
    const canvas = part("field");
    canvas.hidden = true;
    part("field-note").textContent = "Looking for the field…";
    const told = await source.field(row_, signal);
    if (told.missing) {
      part("field-note").textContent = told.missing;
      return;
    }
    const planes = await source.fieldPlanes(told, start.channels.length);
    drawField(canvas, planes);
    if (told.row !== null) Phenovae.painter.mark(canvas, told.row, told.column, told.side);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Field ${told.field} with the cell marked`);
    canvas.hidden = signal.aborted;
    part("field-note").textContent = `${told.field}. ${told.note}`;
  }

  return {
    show(told) {
      part("nothing").hidden = true;
      part("cell").hidden = false;
      head(told);
      draw(part("large"), told.row);
      part("large").setAttribute("role", "img");
      part("large").setAttribute("aria-label", `The cell: ${told.treatment}`);
      nearest(told);
      profile(told);
      verdicts(told);
      facts(told);
    },
    field,
  };
};
