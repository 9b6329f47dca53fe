// Text: the server's rendered Markdown of one tag and run, with a slider over the steps.
// SPDX-License-Identifier: Apache-2.0
import { markdown } from "./dom";
import { fetchTag, linkTool, StepCard, stepPage, type Shown, type Step } from "./plugin";

interface Text extends Step {
  text: string;
}

class TextCard extends StepCard<Text> {
  constructor(private readonly shown: Shown) {
    super(shown);
    this.body.classList.add("prose");
    this.body.tabIndex = 0;
  }

  protected load(signal: AbortSignal): Promise<Text[]> {
    return fetchTag("text", "text", this.shown.info.tag, this.run, {}, signal);
  }

  protected told(text: Text): string {
    return `step ${text.step}`;
  }

  protected draw(): void {
    this.body.replaceChildren(markdown(this.steps[this.at()]!.text));
  }
}

export const text = stepPage(
  "text",
  "Text",
  "text",
  (shown) => new TextCard(shown),
  () => [linkTool()],
);
