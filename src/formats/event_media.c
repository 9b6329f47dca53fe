// Event files: pictures and sounds.
// SPDX-License-Identifier: Apache-2.0
#include "base/mem.h"
#include "formats/event_impl.h"
#include "formats/png.h"
#include "formats/proto.h"

#include <math.h>
#include <stdio.h>

enum { BLOBS = 3, IMAGES_MAX = 1000 };

// --- Pictures -----------------------------------------------------------------------------------
static leat_status put_png(const leat_image *image, leat_buf *out, leat_error *err) {
  size_t n = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
  if (!image->is_float || image->width < 1 || image->height < 1 || image->channels < 1 ||
      image->width > 32768 || image->height > 32768 || image->channels > 4)
    return leat_png_format(image->pixels, image->width, image->height, image->channels, out, err);
  unsigned char *bytes = leat__alloc(n);
  const float *from = image->pixels;
  if (!bytes) return leat__oom(err, n);
  for (size_t i = 0; i < n; i++)  // NaN is black
    bytes[i] = from[i] > 0 ? from[i] < 1 ? (unsigned char)(from[i] * 255 + 0.5f) : 255 : 0;
  leat_status status =
      leat_png_format(bytes, image->width, image->height, image->channels, out, err);
  leat__free(bytes);
  return status;
}

leat_status leat_event_images(leat_event_writer *w, int64_t step, const char *tag,
                              const leat_image *images, int count, leat_error *err) {
  leat_buf value = {0}, png = {0};
  char width[16], height[16];
  leat_str list[2 + IMAGES_MAX];
  size_t ends[1 + IMAGES_MAX] = {0};
  leat_status status = LEAT_OK;
  if (count < 1 || count > IMAGES_MAX)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%d images at a step; from 1 to %d fit",
                          count, IMAGES_MAX);
  for (int i = 0; i < count && !status; i++) {
    status = put_png(&images[i], &png, err);
    ends[i + 1] = png.len;
  }
  snprintf(width, sizeof width, "%d", images[0].width);
  snprintf(height, sizeof height, "%d", images[0].height);
  list[0] = leat_str_of(width), list[1] = leat_str_of(height);
  for (int i = 0; i < count; i++)
    list[2 + i] = (leat_str){png.ptr + ends[i], ends[i + 1] - ends[i]};
  if (!status) {
    leat__event_begin(&value, tag, "images", (leat_str){0}, BLOBS);
    leat__event_strings(&value, list, 2 + count, false);
    status = leat__event_value(w, step, &value, err);
  }
  leat_buf_deinit(&png);
  return status;
}

// --- Sounds -------------------------------------------------------------------------------------
static void put_le(leat_buf *out, uint32_t v, int bytes) {
  for (int i = 0; i < bytes; i++) leat_buf_char(out, (char)(v >> 8 * i));
}

static void put_wav(leat_buf *out, const leat_sound *s) {
  uint32_t channels = (uint32_t)s->channels, rate = (uint32_t)s->rate;
  uint32_t bytes = (uint32_t)s->frames * channels * 2;
  leat_buf_c(out, "RIFF");
  put_le(out, 36 + bytes, 4);
  leat_buf_c(out, "WAVEfmt ");
  put_le(out, 16, 4);
  put_le(out, 1, 2);  // whole numbers
  put_le(out, channels, 2);
  put_le(out, rate, 4);
  put_le(out, rate * channels * 2, 4);
  put_le(out, channels * 2, 2);
  put_le(out, 16, 2);
  leat_buf_c(out, "data");
  put_le(out, bytes, 4);
  for (int64_t i = 0; i < s->frames * s->channels; i++) {
    float x = s->samples[i];
    put_le(out,
           (uint32_t)(int32_t)(x > -1    ? x < 1 ? lrintf(x * 32767) : 32767
                               : x <= -1 ? -32767
                                         : 0),
           2);
  }
}

leat_status leat_event_audio(leat_event_writer *w, int64_t step, const char *tag,
                             const leat_sound *s, leat_error *err) {
  leat_buf value = {0}, wav = {0}, about = {0};
  if (s->frames < 0 || s->channels < 1 || s->channels > 2 || s->rate < 1 ||
      s->frames > (1 << 28) / s->channels)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "a sound of %lld frames, %d channels and rate %d cannot be written",
                          (long long)s->frames, s->channels, s->rate);
  put_wav(&wav, s);
  leat_proto_i64(&about, 2, 11);  // AudioPluginData.encoding: WAV
  leat__event_begin(&value, tag, "audio", leat_buf_view(&about), BLOBS);
  leat_str one = leat_buf_view(&wav);
  leat__event_strings(&value, &one, 1, false);
  leat_status status = leat_buf_status(&wav, err);
  if (!status) status = leat__event_value(w, step, &value, err);
  leat_buf_deinit(&value);
  leat_buf_deinit(&wav);
  leat_buf_deinit(&about);
  return status;
}
