// report.h: report.html of a run.
#ifndef HONE_TRAIN_REPORT_H
#define HONE_TRAIN_REPORT_H

#include "train/internal.h"

// Writes it from the run's results, the answers of the last judging and what was noted; a failure
// is logged.
void hone_trainer_write_report(struct hone_trainer *t);

#endif
