// Answers from other threads, for the servers of tests.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TESTS_HANDLERS_H
#define LEAT_TESTS_HANDLERS_H

#include "net/server.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

// The body sent back after 20 ms.
static void *answer_later(void *exchange) {
  leat_exchange *x = exchange;
  usleep(20000);
  leat_reply_field(x, "content-type", LEAT_STR("text/plain"));
  leat_buf_str(&x->reply, x->body);
  leat_reply_send(x, 200);
  return NULL;
}

// "<0><1>...<49>" in as many pieces.
static void *stream_later(void *exchange) {
  leat_exchange *x = exchange;
  leat_reply_begin(x, 200);
  for (int i = 0; i < 50; i++) {
    char text[16];
    snprintf(text, sizeof text, "<%d>", i);
    if (!leat_reply_write(x, leat_str_of(text))) break;
    if (i % 10 == 0) usleep(1000);
  }
  leat_reply_end(x);
  return NULL;
}

static void start_thread(void *(*run)(void *), leat_exchange *x) {
  pthread_t thread;
  pthread_create(&thread, NULL, run, x);
  pthread_detach(thread);
}

#endif
