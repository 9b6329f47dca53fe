// Printing a report: tables, and JSON as a part of an object.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_CLI_REPORT_H
#define LEAT_CLI_REPORT_H

#include "formats/json.h"
#include "train/report.h"

void print_report(const leat_report *r, const char *slice_by);
// The members confusion, calibration, slices and importance of an object.
void json_report(leat_json_writer *w, const leat_report *r);

#endif
