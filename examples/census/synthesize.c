// Writes a synthetic data set of the census schema: DIR/adult.data and DIR/adult.test.
// SPDX-License-Identifier: Apache-2.0
//
// Rows are drawn from fixed distributions, the label from a logistic rule over them, so that a
// model has something to learn (a good one reaches an accuracy of about 0.84). Same seed, same bytes.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint64_t state = 20170601;

static uint64_t draw(void) {  // splitmix64
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}
static double unit(void) { return (double)(draw() >> 11) * 0x1p-53; }

static const char *const workclasses[] = {"Private",   "Self-emp-not-inc", "Local-gov",  "?",
                                          "State-gov", "Self-emp-inc",     "Federal-gov"};
static const char *const educations[] = {"HS-grad",    "Some-college", "Bachelors",
                                         "Masters",    "Assoc-voc",    "11th",
                                         "Assoc-acdm", "10th",         "Doctorate"};
static const int years[] = {9, 10, 13, 14, 11, 7, 12, 6, 16};
static const char *const marital[] = {"Married-civ-spouse", "Never-married", "Divorced",
                                      "Separated", "Widowed"};
static const char *const occupations[] = {
    "Prof-specialty", "Craft-repair",  "Exec-managerial",   "Adm-clerical",
    "Sales",          "Other-service", "Machine-op-inspct", "?"};
static const char *const relations[] = {"Husband", "Not-in-family", "Own-child", "Unmarried",
                                        "Wife"};
static const char *const races[] = {"White", "Black", "Asian-Pac-Islander", "Amer-Indian-Eskimo",
                                    "Other"};
static const char *const countries[] = {"United-States", "Mexico",  "?",
                                        "Philippines",   "Germany", "Canada"};

#define PICK(list, skew) pick((int)(sizeof list / sizeof *list), skew)
static int pick(int count, double skew) {  // earlier entries are likelier
  double u = unit(), x = 1;
  for (int i = 0; i < (int)skew; i++) x *= u;
  int at = (int)(x * count);
  return at < count ? at : count - 1;
}

static void row(FILE *out, const char *stop) {
  int age = 17 + (int)((unit() + unit()) * 30), education = PICK(educations, 2),
      work = PICK(workclasses, 3);
  int married = age < 24 ? 1 : PICK(marital, 2), occupation = PICK(occupations, 1),
      race = PICK(races, 4);
  int male = unit() < 0.67, hours = 20 + (int)((unit() + unit()) * 21),
      gain = unit() < 0.08 ? (int)(unit() * 15000) : 0;
  int loss = unit() < 0.05 ? 1500 + (int)(unit() * 900) : 0, country = PICK(countries, 4);
  int relation = married == 0 ? (male ? 0 : 4) : age < 25 ? 2 : 1 + 2 * (unit() < 0.3);
  double score = -6.2 + 0.33 * (years[education] - 10) + 0.03 * (hours - 40) +
                 2.6 * (married == 0) + 0.0005 * gain + 0.0008 * loss +
                 0.045 * (age < 50 ? age : 50) + (occupation == 0 || occupation == 2 ? 0.9 : 0);
  score *= 2.5;
  double e = 1;  // e^-score by its limit: no library needed
  for (int i = 0; i < 20; i++) e = i ? e * e : 1 - score / 1048576;
  const char *label = unit() < 1 / (1 + e) ? ">50K" : "<=50K";
  fprintf(out, "%d, %s, %d, %s, %d, %s, %s, %s, %s, %s, %d, %d, %d, %s, %s%s\n", age,
          workclasses[work], 100000 + (int)(unit() * 200000), educations[education],
          years[education], marital[married], occupations[occupation], relations[relation],
          races[race], male ? "Male" : "Female", gain, loss, hours, countries[country], label,
          stop);
}

static int write_file(const char *dir, const char *name, int rows, const char *first,
                      const char *stop) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *out = fopen(path, "w");
  if (!out) {
    fprintf(stderr, "synthesize: %s: %s\n", path, strerror(errno));
    return 1;
  }
  fputs(first, out);
  for (int i = 0; i < rows; i++) row(out, stop);
  fputs("\n", out);
  return fclose(out) != 0;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: synthesize DIR\n");
    return 2;
  }
  if (write_file(argv[1], "adult.data", 32561, "", "")) return 1;
  return write_file(argv[1], "adult.test", 16281, "|1x3 Cross validator\n", ".");
}
