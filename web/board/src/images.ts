// Images: a card a tag, run and sample, side by side, with a slider over the steps.
// SPDX-License-Identifier: Apache-2.0
import * as api from "./api";
import { h } from "./dom";
import { clock } from "./format";
import { fetchTag, linkTool, StepCard, stepPage, type Shown, type Step } from "./plugin";

interface Picture extends Step {
  query: string;
}

class ImageCard extends StepCard<Picture> {
  private readonly image: HTMLImageElement;

  constructor(private readonly shown: Shown) {
    super(shown);
    this.image = h("img", { alt: `${shown.info.tag}, sample ${shown.sample + 1}`, decoding: "async" });
    this.body.classList.add("picture");
    this.body.append(this.image);
  }

  protected load(signal: AbortSignal): Promise<Picture[]> {
    return fetchTag("images", "images", this.shown.info.tag, this.run, { sample: this.shown.sample }, signal);
  }

  protected told(picture: Picture): string {
    return `step ${picture.step}`;
  }

  protected draw(): void {
    const picture = this.steps[this.at()]!;
    const src = api.url(`data/plugin/images/individualImage?${picture.query}`);
    if (this.image.getAttribute("src") !== src) this.image.setAttribute("src", src);
    this.image.title = clock(picture.wall_time);
  }
}

export const images = stepPage(
  "images",
  "Images",
  "images",
  (shown) => new ImageCard(shown),
  () => [linkTool()],
);
