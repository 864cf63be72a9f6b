// session.h: what eval/ needs of a session beyond the public header.
#ifndef HONE_INFER_SESSION_H
#define HONE_INFER_SESSION_H

#include <hone/infer.h>

#include "image/preprocess.h"

const struct hone_preprocess *hone_session_preprocess(const hone_session *session);

// count pictures that are fitted already, (count,H,W,3) u8 RGB, to (count, classes).
hone_status hone_session_run(hone_session *session, const uint8_t *pixels, size_t count,
                             float *probabilities);

#endif
