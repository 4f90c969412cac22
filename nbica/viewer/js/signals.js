// Time courses and spectra of the desk. Python computes those of a run when it is first looked at;
// a page holds what was computed when it was written.

/**
 * Time courses and spectra of one run, as payload.Courses in Python.
 * @typedef {object} RunCourses
 * @property {number} run
 * @property {number | null} t_r seconds between frames
 * @property {number} step between two frequencies, in Hz or cycles per frame
 * @property {number[]} scales of each component
 * @property {number[]} strongest of each component: its largest share of power
 * @property {Int16Array} values component by component
 * @property {Uint16Array} power component by component, 65535 is the strongest
 */

/**
 * What is known of the runs, and how more is asked for.
 * @typedef {object} Runs
 * @property {Map<number, RunCourses>} known
 * @property {Map<number, string>} troubles why a run has none
 * @property {(run: number | "all") => void} want
 * @property {() => void} close
 */

/**
 * @param {Model} model
 * @param {RunCourses[]} first those that are known from the beginning
 * @param {(news: {left?: number, seconds?: number}) => void} tell called with what is new
 * @returns {Runs}
 */
function makeRuns(model, first, tell) {
  /** @type {Map<number, RunCourses>} */
  const known = new Map(first.map((one) => [one.run, one]));
  /** @type {Map<number, string>} */
  const troubles = new Map();
  /** @type {Set<number | "all">} */
  const asked = new Set();
  const hear = async (/** @type {any} */ news, /** @type {DataView<ArrayBuffer>[]} */ buffers) => {
    if (buffers?.length) known.set(news.run, (await unpack(buffers[0])).volumes[0]);
    else if (news.trouble) troubles.set(news.run, news.trouble);
    tell(news);
  };
  model.on("msg:custom", hear);
  return {
    known, troubles,
    want(run) {
      if (run !== "all" && (known.has(run) || troubles.has(run))) return;
      if (asked.has(run)) return;
      asked.add(run);
      if (model.send) model.send({ want: run });
      else if (run !== "all")
        troubles.set(run, "they were not computed when this page was written");
    },
    close: () => model.off("msg:custom", hear),
  };
}

/**
 * @param {RunCourses} courses
 * @param {number} k
 */
function courseOf({ values, scales }, k) {
  const n = values.length / scales.length;
  return Array.from(values.subarray(k * n, (k + 1) * n), (code) => code * scales[k]);
}

/**
 * Power by frequency, as density: runs of other lengths are alike.
 * @param {RunCourses} courses
 * @param {number} k
 */
function powerOf({ power, scales, strongest, step }, k) {
  const n = power.length / scales.length;
  const unit = strongest[k] / 65535 / (step || 1);
  return Array.from(power.subarray(k * n, (k + 1) * n), (code) => code * unit);
}

/**
 * The mean spectrum of runs, at the frequencies of one of them.
 * @param {RunCourses[]} all
 * @param {RunCourses} one
 * @param {number} k
 */
function meanPower(all, one, k) {
  const n = one.power.length / one.scales.length;
  const sums = new Float64Array(n);
  const counts = new Float64Array(n);
  for (const courses of all) {
    const own = powerOf(courses, k);
    for (let i = 0; i < n; i++) {
      const at = ((i + 1) * one.step) / courses.step - 1;
      const low = clamp(Math.floor(at), 0, own.length - 1);
      if (at > own.length - 1 + 1e-9) continue;
      const part = clamp(at - low, 0, 1);
      sums[i] += own[low] * (1 - part) + (own[low + 1] ?? 0) * part;
      counts[i] += 1;
    }
  }
  return Array.from(sums, (sum, i) => (counts[i] ? sum / counts[i] : 0));
}

/**
 * The pane of time courses and spectra; null where nothing can be known of them.
 * @param {Context} ctx
 * @param {Model} model
 * @param {RunCourses[]} first
 */
function makeSignals(ctx, model, first) {
  const { state, scene } = ctx;
  /** @type {{subjects: string[], unit: string, trouble: string} | null} */
  const about = scene.courses;
  if (!about) return null;
  const note = makeElement("p", { class: "nbv-signals-note nbv-dim", role: "status" });
  const course = makeElement("figure", { class: "nbv-course" });
  const power = makeElement("figure", { class: "nbv-course" });
  const rest = makeElement("button", { type: "button", hidden: true });
  const runs = makeRuns(model, first, ({ left, seconds }) => {
    rest.hidden = !left;
    if (left && seconds)
      rest.textContent = `Compute the other ${left} runs (about ${inMinutes(seconds)})`;
    show();
  });
  rest.addEventListener("click", () => {
    rest.hidden = true;
    runs.want("all");
  });
  const show = () => {
    const run = state.get("subject");
    const k = state.get("component");
    const own = runs.known.get(run);
    note.textContent = about.trouble
      ? `No time courses: ${about.trouble}. Pass time_courses=ica.transform(imgs).`
      : wordsOfRuns(about.subjects, runs, run);
    course.replaceChildren(...(own ? plotCourse(ctx, own, k, about) : []));
    power.replaceChildren(...(own ? plotPower([...runs.known.values()], own, k) : []));
  };
  state.on("component subject frame", show);
  const seen = whenSeen(note, () => state.on("subject", () => {
    if (about.trouble) return;
    runs.want(state.get("subject"));
    show();
  }));
  const pick = about.subjects.length > 1
    ? makeChoice(state, "subject", "Run", about.subjects.map((name, i) => [i, name]), Number)
    : null;
  const el = makeElement("div", { class: "nbv-signals" },
    makeElement("div", { class: "nbv-signals-head" }, pick, note, rest), course, power);
  return { el, close: () => [seen, runs.close].forEach((end) => end()) };
}

/**
 * Call once, when an element first comes into view.
 * @param {HTMLElement} el
 * @param {() => void} call
 * @returns {() => void} ends waiting
 */
function whenSeen(el, call) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    call();
  });
  observer.observe(el);
  return () => observer.disconnect();
}

/** @param {number} seconds */
const inMinutes = (seconds) =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;

/**
 * What is under way, and what is missing.
 * @param {string[]} subjects
 * @param {Runs} runs
 * @param {number} run the one that is looked at
 */
function wordsOfRuns(subjects, { known, troubles }, run) {
  const trouble = troubles.get(run);
  if (trouble) return `No time courses of ${subjects[run]}: ${trouble}.`;
  if (!known.has(run))
    return `Computing the time courses of ${subjects[run]}: a pass over the run …`;
  const n = subjects.length;
  return known.size < n ? `${known.size} of ${n} runs are in the mean spectrum.` : "";
}

/**
 * @param {Context} ctx
 * @param {RunCourses} own
 * @param {number} k
 * @param {{subjects: string[], unit: string}} about
 */
function plotCourse(ctx, own, k, { unit }) {
  const values = courseOf(own, k);
  const t = own.t_r;
  const frame = ctx.state.get("frame");
  const isFrame = frame >= 0 && frame < values.length;
  const at = isFrame
    ? `frame ${frame}${t ? ` at ${formatShort(frame * t)} s` : ""}: ${formatShort(values[frame])}`
    : "click for a frame";
  const title = `Time course of ${ctx.name(k)}${unit ? `, in ${unit}` : ""}`;
  return plotLine(values, {
    title, words: at, t, unit: t ? "s" : "frames", mark: isFrame ? frame : undefined,
    pick: (i) => ctx.state.set({ frame: i }),
  });
}

/**
 * @param {RunCourses[]} all
 * @param {RunCourses} own
 * @param {number} k
 */
function plotPower(all, own, k) {
  const power = powerOf(own, k);
  if (!power.length) return [];
  const unit = own.t_r ? "Hz" : "cycles per frame";
  const strongest = (power.indexOf(Math.max(...power)) + 1) * own.step;
  const mean = all.length > 1 ? meanPower(all, own, k) : null;
  const words = mean ? `dashed: mean of ${all.length} runs` : "";
  const title = `Power, strongest at ${strongest.toFixed(3)} ${unit}`;
  const axis = { t: own.step, from: own.step, unit: own.t_r ? "Hz" : "1/frame" };
  return plotLine(power, { title, words, ...axis, bare: true, behind: mean });
}
