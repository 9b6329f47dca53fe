// TensorBoard's API for images and sounds.
// SPDX-License-Identifier: Apache-2.0
#include "board/values.h"
#include "formats/number.h"
#include "formats/proto.h"

// What comes before the pictures in an image's list: its width and height.
static int64_t lead_of(const char *plugin) { return strcmp(plugin, "images") == 0 ? 2 : 0; }

int64_t leat__media_samples(const leat_series *s) { return s->longest - lead_of(s->plugin.ptr); }

// AudioPluginData{2 encoding}: WAV is 11.
static leat_str sound_type(leat_str content) {
  leat_proto p = {content, false};
  leat_proto_field f;
  while (leat_proto_next(&p, &f))
    if (f.number == 2 && f.wire == LEAT_WIRE_VARINT && f.bits == 11) return LEAT_STR("audio/wav");
  return LEAT_STR("application/octet-stream");
}

static void write_item(leat_json_writer *w, const leat_run *run, const leat_series *s,
                       const leat_blob *blob, int64_t item, leat_str type) {
  leat_buf query = {0};
  leat_buf_c(&query, "blob_key=");
  leat__blob_key(run, blob, item, &query);
  leat_json_open(w, '{');
  leat__key_number(w, "wall_time", blob->wall);
  leat__key_i64(w, "step", blob->step);
  if (type.len) {
    leat__key_str(w, "label", (leat_str){0});
    leat__key_str(w, "contentType", type);
    leat_buf_c(&query, "&content_type=");
    leat_url_encode(&query, type);
  }
  leat__key_str(w, "query", leat_buf_view(&query));
  leat_json_close(w, '}');
  leat_buf_deinit(&query);
}

static void answer_items(leat_board *b, leat_exchange *x, const char *plugin, int64_t most) {
  leat_arena arena = {0};
  leat_json_writer w = {.out = &x->reply};
  leat_run *run;
  int64_t sample = 0, lead = lead_of(plugin);
  leat_str name = leat__board_param(x, &arena, "run"), tag = leat__board_param(x, &arena, "tag");
  leat_parse_i64(leat__board_param(x, &arena, "sample"), &sample);
  const leat_series *s = sample < 0 ? NULL : leat__named(b, name, tag, plugin, &run);
  if (!s)
    leat__board_fail(x, 404,
                     "Not found: No %s data for run='" LEAT_STR_FMT "', tag='" LEAT_STR_FMT "'",
                     plugin, LEAT_STR_ARG(name), LEAT_STR_ARG(tag));
  else {
    size_t count = s->blobs.count, kept = most > 0 && (size_t)most < count ? (size_t)most : count;
    leat_str type = lead ? (leat_str){0} : sound_type(s->content);
    if (!lead && s->blobs.count && s->blobs.at[0].kind == LEAT_VALUE_AUDIO)
      type = LEAT_STR("audio/wav");
    leat_json_open(&w, '[');
    for (size_t i = 0; i < kept; i++) {
      const leat_blob *blob = &s->blobs.at[leat__spread(i, kept, count)];
      if (blob->items > lead + sample) write_item(&w, run, s, blob, lead + sample, type);
    }
    leat_json_close(&w, ']');
    leat_run_unlock(run);
    leat__board_json(x);
  }
  leat_arena_deinit(&arena);
}

// --- The bytes ----------------------------------------------------------------------------------
static const char *image_type(leat_str bytes) {
  static const struct {
    const char *start;
    size_t length;
    const char *type;
  } known[] = {{"\x89PNG\r\n\x1a\n", 8, "image/png"},
               {"\xff\xd8\xff", 3, "image/jpeg"},
               {"GIF87a", 6, "image/gif"},
               {"GIF89a", 6, "image/gif"},
               {"BM", 2, "image/bmp"},
               {"RIFF", 4, "image/webp"}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (leat_str_starts(bytes, (leat_str){known[i].start, known[i].length})) return known[i].type;
  return "application/octet-stream";  // an SVG could hold scripts
}

static void answer_bytes(leat_board *b, leat_exchange *x, const char *key, bool sound) {
  leat_arena arena = {0};
  leat_buf bytes = {0};
  leat_error err;
  leat_str type = leat__board_param(x, &arena, "content_type");
  leat_status status = leat__blob_of_key(b, leat__board_param(x, &arena, key), &bytes, &err);
  if (sound && !leat__eq(type, "audio/wav")) type = LEAT_STR("application/octet-stream");
  if (status)
    leat__board_fail(x, leat_http_status(status), "%s", err.message);
  else
    leat__board_bytes(x, sound ? type.ptr : image_type(leat_buf_view(&bytes)),
                      leat_buf_view(&bytes));
  leat_buf_deinit(&bytes);
  leat_arena_deinit(&arena);
}

static void answer_image_tags(leat_board *b, leat_exchange *x) { leat__board_tags(b, x, "images"); }
static void answer_images(leat_board *b, leat_exchange *x) {
  answer_items(b, x, "images", b->options.samples.images);
}
static void answer_image(leat_board *b, leat_exchange *x) { answer_bytes(b, x, "blob_key", false); }
static void answer_image_data(leat_board *b, leat_exchange *x) {
  answer_bytes(b, x, "imageId", false);
}
static void answer_audio_tags(leat_board *b, leat_exchange *x) { leat__board_tags(b, x, "audio"); }
static void answer_audio(leat_board *b, leat_exchange *x) {
  answer_items(b, x, "audio", b->options.samples.audio);
}
static void answer_sound(leat_board *b, leat_exchange *x) { answer_bytes(b, x, "blob_key", true); }

const leat_route leat__routes_media[] = {
    {"GET", "/data/plugin/images/tags", answer_image_tags},
    {"GET", "/data/plugin/images/images", answer_images},
    {"GET", "/data/plugin/images/individualImage", answer_image},
    {"GET", "/data/plugin/audio/tags", answer_audio_tags},
    {"GET", "/data/plugin/audio/audio", answer_audio},
    {"GET", "/data/plugin/audio/individualAudio", answer_sound},
    {"GET", "/data/plugin/timeseries/imageData", answer_image_data},
    {0},
};
