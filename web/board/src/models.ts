// The registry's models: signature, a form made from it, a prediction, and the same request as curl, Python
// or leat.
// SPDX-License-Identifier: Apache-2.0
import * as api from "./api";
import * as board from "./board";
import { choose, view } from "./board";
import { h, icon, press, segmented, replace } from "./dom";
import type { Page } from "./page";

interface Tensor {
  name: string;
  dtype: string;
  shape: (number | null)[];
  default?: unknown;
  values?: string[]; // the words it knows
}
interface Model {
  name: string;
  default?: string;
  versions: { name: string; number?: number; state?: string }[];
}
interface Version {
  name: string;
  version: string;
  inputs: Tensor[];
  outputs: Tensor[];
  example?: Record<string, unknown>;
}
type Language = "curl" | "python" | "leat";

function isText(dtype: string): boolean {
  return /string|bytes/i.test(dtype);
}

function isWhole(dtype: string): boolean {
  return /^u?int/i.test(dtype);
}

/** Values of one instance: the batch's dimension is not part of it. */
function sizeOf(tensor: Tensor): number {
  return tensor.shape.slice(1).reduce<number>((n, d) => n * (d === null || d < 0 ? 1 : d), 1);
}

function isScalar(tensor: Tensor): boolean {
  return tensor.shape.length <= 1 || (tensor.shape.length === 2 && sizeOf(tensor) === 1);
}

/** What stands in a field, as JSON; says what is wrong with it. */
export function parseField(tensor: Tensor, text: string): unknown {
  const what = `${tensor.name} (${tensor.dtype})`;
  if (isScalar(tensor)) {
    if (isText(tensor.dtype)) return text;
    if (/bool/i.test(tensor.dtype)) return text === "true";
    const value = Number(text);
    if (text.trim() === "" || Number.isNaN(value)) throw new Error(`${what} wants a number, found "${text}"`);
    if (isWhole(tensor.dtype) && !Number.isInteger(value))
      throw new Error(`${what} wants a whole number, found "${text}"`);
    return value;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${what} wants a JSON list, found "${text.slice(0, 40)}"`);
  }
  if (!Array.isArray(value)) throw new Error(`${what} wants a JSON list, found "${text.slice(0, 40)}"`);
  return value;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The request in a language that people paste. */
export function snippet(
  language: Language,
  address: string,
  model: string,
  version: string,
  instance: unknown,
): string {
  const body = JSON.stringify({ model, version, instances: [instance] });
  if (language === "curl")
    return `curl -s ${quoted(address)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(body)}`;
  if (language === "leat")
    return `echo ${quoted(JSON.stringify(instance))} | \\\n  leat predict --model ${model} --version ${version}`;
  const text = JSON.stringify({ model, version, instances: [instance] }, null, 4);
  const literal = text.replace(
    /("(?:[^"\\]|\\.)*")|\b(true|false|null)\b/g,
    (all, string: string, word: string) =>
      string ?? { true: "True", false: "False", null: "None" }[word] ?? all,
  );
  return `import json, urllib.request\n\nbody = ${literal}\nrequest = urllib.request.Request(\n    ${JSON.stringify(address)},\n    data=json.dumps(body).encode(),\n    headers={"Content-Type": "application/json"},\n)\nprint(json.load(urllib.request.urlopen(request))["predictions"])`;
}

class Models {
  private models: Model[] = [];
  private version: Version | null = null;
  private fields = new Map<string, HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>();
  private language: Language = "curl";
  private readonly pick = h("select", { "aria-label": "Model" });
  private readonly pickVersion = h("select", { "aria-label": "Version" });
  private readonly answer = h("div", { class: "answer", "aria-live": "polite" });
  private readonly code = h("pre", { tabindex: 0, "aria-label": "The request" });
  private readonly languages = segmented(
    "Language",
    [
      ["curl", "curl"],
      ["python", "Python"],
      ["leat", "leat"],
    ] as const,
    "curl",
    (v) => {
      this.language = v;
      press(this.languages, v);
      this.write();
    },
  );

  constructor(
    private readonly host: HTMLElement,
    bar: HTMLElement,
  ) {
    this.pick.addEventListener("change", () => choose({ model: this.pick.value }));
    this.pickVersion.addEventListener("change", () =>
      choose({ model: `${this.pick.value}/${this.pickVersion.value}` }),
    );
    bar.append(this.pick, this.pickVersion);
  }

  async load(): Promise<void> {
    try {
      this.models = (await api.json<{ models?: Model[] }>("data/leat/models")).models ?? [];
      if (!this.models.length)
        return this.say(
          "The registry is empty. `leat models create NAME`, then `leat versions create v1 --model NAME --origin DIR`.",
        );
      const [name, version] = view.model.split("/");
      const model = this.models.find((m) => m.name === name) ?? this.models[0]!;
      const names = model.versions.map((v) => v.name);
      const chosen =
        version && names.includes(version) ? version : (model.default ?? names[names.length - 1]);
      replace(
        this.pick,
        this.models.map((m) => h("option", { value: m.name }, m.name)),
      );
      this.pick.value = model.name;
      replace(
        this.pickVersion,
        model.versions.map((v) =>
          h(
            "option",
            { value: v.name },
            [
              v.name,
              v.name === model.default ? "(default)" : "",
              v.state && v.state !== "READY" ? v.state : "",
            ]
              .filter(Boolean)
              .join(" "),
          ),
        ),
      );
      if (!chosen)
        return this.say(
          `${model.name} has no version yet: leat versions create v1 --model ${model.name} --origin DIR`,
        );
      this.pickVersion.value = chosen;
      this.version = await api.json<Version>(
        `data/leat/models/${encodeURIComponent(model.name)}/${encodeURIComponent(chosen)}`,
      );
      this.draw();
    } catch (error) {
      this.say(`The model did not come: ${(error as Error).message}`);
    }
  }

  private say(text: string): void {
    this.host.replaceChildren(h("p", { class: "empty" }, text));
  }

  private field(tensor: Tensor): HTMLElement {
    const given = this.version!.example?.[tensor.name] ?? tensor.default;
    const id = `field-${tensor.name}`;
    let field: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;
    if (!isScalar(tensor)) {
      const zeros = Array.from({ length: Math.min(4096, sizeOf(tensor)) }, () =>
        isText(tensor.dtype) ? "" : 0,
      );
      field = h("textarea", { id, rows: 3, spellcheck: "false", value: JSON.stringify(given ?? zeros) });
    } else if (/bool/i.test(tensor.dtype)) {
      field = h("select", { id }, h("option", {}, "true"), h("option", {}, "false"));
      field.value = String(given ?? false);
    } else {
      const list = tensor.values?.length ? `${id}-values` : null;
      field = h("input", {
        id,
        type: isText(tensor.dtype) ? "text" : "number",
        step: isWhole(tensor.dtype) ? 1 : "any",
        list,
        autocomplete: "off",
        value: String(Array.isArray(given) ? given[0] : (given ?? (isText(tensor.dtype) ? "" : 0))),
      });
    }
    field.addEventListener("input", () => this.write());
    this.fields.set(tensor.name, field);
    const values = tensor.values?.length
      ? h("datalist", { id: `${id}-values` }, ...tensor.values.map((v) => h("option", { value: v })))
      : null;
    return h(
      "div",
      { class: "form-row" },
      h("label", { for: id }, tensor.name),
      field,
      values,
      h("span", { class: "count" }, tensor.dtype),
    );
  }

  private draw(): void {
    const version = this.version!;
    this.fields.clear();
    this.answer.replaceChildren();
    const form = h(
      "form",
      { class: "panel" },
      h("h2", {}, "One instance"),
      ...version.inputs.map((t) => this.field(t)),
      h("button", { type: "submit", class: "button primary" }, "Predict"),
      this.answer,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.predict();
    });
    const copy = h(
      "button",
      { type: "button", class: "button", onclick: () => void this.copy(copy) },
      icon("copy"),
      "Copy",
    );
    this.host.replaceChildren(
      h(
        "div",
        { class: "models" },
        form,
        h(
          "div",
          { class: "column" },
          h(
            "section",
            { class: "panel" },
            h(
              "div",
              { class: "line" },
              h("h2", {}, "The same request"),
              h("span", { class: "space" }),
              this.languages,
              copy,
            ),
            this.code,
          ),
          h(
            "section",
            { class: "panel" },
            h("h2", {}, "Signature"),
            this.signature("inputs", version.inputs),
            this.signature("outputs", version.outputs),
          ),
        ),
      ),
    );
    this.write();
  }

  private signature(what: string, tensors: Tensor[]): HTMLElement {
    const rows = tensors.map((t) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, t.name),
        h("td", {}, t.dtype),
        h("td", {}, `[${t.shape.map((d) => (d === null || d < 0 ? "?" : d)).join(", ")}]`),
      ),
    );
    return h("table", { class: "signature" }, h("caption", {}, what), h("tbody", {}, ...rows));
  }

  private instance(): Record<string, unknown> {
    return Object.fromEntries(
      this.version!.inputs.map((t) => [t.name, parseField(t, this.fields.get(t.name)!.value)]),
    );
  }

  private write(): void {
    const { name, version } = this.version!;
    try {
      this.code.textContent = snippet(
        this.language,
        new URL(api.url("data/leat/predict"), location.href).href,
        name,
        version,
        this.instance(),
      );
    } catch (error) {
      this.code.textContent = (error as Error).message;
    }
  }

  private async predict(): Promise<void> {
    const { name, version } = this.version!;
    try {
      const start = performance.now();
      const { predictions } = await api.post<{ predictions: unknown[] }>("data/leat/predict", {
        model: name,
        version,
        instances: [this.instance()],
      });
      const ms = performance.now() - start;
      const first = predictions[0];
      const rows =
        first !== null && typeof first === "object" && !Array.isArray(first)
          ? Object.entries(first)
          : [["prediction", first] as const];
      this.answer.replaceChildren(
        h(
          "table",
          { class: "signature" },
          h("caption", {}, `answered in ${ms.toFixed(1)} ms`),
          h(
            "tbody",
            {},
            ...rows.map(([key, value]) =>
              h(
                "tr",
                {},
                h("th", { scope: "row" }, String(key)),
                h("td", {}, typeof value === "string" ? value : JSON.stringify(value)),
              ),
            ),
          ),
        ),
      );
    } catch (error) {
      this.answer.replaceChildren(h("p", { class: "wrong", role: "alert" }, (error as Error).message));
    }
  }

  private async copy(button: HTMLElement): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.code.textContent ?? "");
      button.lastChild!.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(this.code); // a frame without the permission: at least it is marked
      button.lastChild!.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (button.lastChild!.textContent = "Copy"), 1500);
  }
}

export const models: Page = {
  id: "models",
  title: "Models",
  available: () => board.state?.registry === true,
  mount(host, bar) {
    const page = new Models(host, bar);
    void page.load();
    return {
      tell(news) {
        if (news.has("model")) void page.load();
      },
      destroy: () => undefined,
    };
  },
};
