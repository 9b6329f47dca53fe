// Audio: the browser's own player for the clip of each step.
// SPDX-License-Identifier: Apache-2.0
import * as api from "./api";
import { h } from "./dom";
import { fetchTag, linkTool, StepCard, stepPage, type Shown, type Step } from "./plugin";

interface Clip extends Step {
  query: string;
}

class AudioCard extends StepCard<Clip> {
  private readonly player: HTMLAudioElement;

  constructor(private readonly shown: Shown) {
    super(shown);
    this.player = h("audio", {
      controls: true,
      preload: "none",
      "aria-label": `${shown.info.tag}, sample ${shown.sample + 1}`,
    });
    this.body.classList.add("clip");
    this.body.append(this.player);
  }

  protected load(signal: AbortSignal): Promise<Clip[]> {
    return fetchTag("audio", "audio", this.shown.info.tag, this.run, { sample: this.shown.sample }, signal);
  }

  protected told(clip: Clip): string {
    return `step ${clip.step}`;
  }

  protected draw(): void {
    const src = api.url(`data/plugin/audio/individualAudio?${this.steps[this.at()]!.query}`);
    if (this.player.getAttribute("src") !== src) this.player.setAttribute("src", src);
  }
}

export const audio = stepPage(
  "audio",
  "Audio",
  "audio",
  (shown) => new AudioCard(shown),
  () => [linkTool()],
);
