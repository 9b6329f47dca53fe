// Calendar dates in text, with an optional time of day.
// SPDX-License-Identifier: Apache-2.0
//
// 2021-05-03, 2021/5/3, 03.05.2021, 05/03/2021, 3-May-2021, May 3, 2021; behind a space or a T a
// time, 14:30, 14:30:15.25, and a zone, Z or +02:00. Years have four digits. Whether 05/03/2021 is
// in May or in March cannot be seen, so the order is the caller's.
#ifndef LEAT_FORMATS_DATE_H
#define LEAT_FORMATS_DATE_H

#include "base/str.h"

typedef enum leat_date_order {
  LEAT_DATE_YMD,
  LEAT_DATE_DMY,
  LEAT_DATE_MDY,
  LEAT_DATE_ORDERS
} leat_date_order;

typedef enum leat_date_part {
  LEAT_DATE_NONE,
  LEAT_DATE_DAYS,  // since 1970-01-01, with the time as a fraction, in UTC if a zone is given
  LEAT_DATE_YEAR,
  LEAT_DATE_MONTH,    // 1 to 12
  LEAT_DATE_DAY,      // 1 to 31
  LEAT_DATE_WEEKDAY,  // Monday is 0
  LEAT_DATE_HOUR,     // 0 to below 24, with its fraction
  LEAT_DATE_PARTS
} leat_date_part;

// Days since 1970-01-01. false: not a date in this order, or text left over. A date that starts
// with its year, and one whose month is a word, reads the same in every order.
bool leat_parse_date(leat_str text, leat_date_order order, double *days);
double leat_date_part_of(double days, leat_date_part part);  // NaN gives NaN
// "2021-05-03", or "2021-05-03T14:30:15" where there is a time of day.
void leat_format_date(double days, leat_buf *out);

// By name: "ymd", "days"; the count when there is none.
extern const char *const leat_date_order_names[LEAT_DATE_ORDERS];
extern const char *const leat_date_part_names[LEAT_DATE_PARTS];  // [LEAT_DATE_NONE]: "none"
leat_date_order leat_date_order_find(leat_str name);
leat_date_part leat_date_part_find(leat_str name);

// What a text means: part "number" its number, else a part of its date. NaN for other text, spaces
// around it do not count.
bool leat_text_part_known(leat_str part, leat_str order);
double leat_text_part(leat_str text, leat_str part, leat_str order);

#endif
