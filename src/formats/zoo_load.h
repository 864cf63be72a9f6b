// zoo_load.h: a model from a weight file, with the graph of the zoo.
#ifndef HONE_FORMATS_ZOO_LOAD_H
#define HONE_FORMATS_ZOO_LOAD_H

#include "formats/weights.h"
#include "formats/zoo_config.h"
#include "model/model.h"

// `source` names the file in the model. params->arch names the net; else the file's metadata does,
// or `config`, which stands beside it; else names and shapes of the tensors, which must be those of
// one net of the zoo. config and params may be NULL. HONE_UNSUPPORTED: no such net, with the
// nearest; HONE_NOT_FOUND: no net of that name; HONE_INVALID: a tensor is missing.
hone_status hone_zoo_load_weights(const struct hone_weights *file,
                                  const struct hone_zoo_config *config, const char *source,
                                  const hone_model_load_params *params, struct hone_model **out);

#endif
