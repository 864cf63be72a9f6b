// attention_pass.c: see attention_pass.h.
#include "ops/attention_pass.h"

static void bind(struct hone_dispatch *d, struct hone_operand operand) {
    d->operands[d->operand_count++] = operand;
}

void hone_attention_bind(struct hone_dispatch *d, const struct hone_attention_shape *s,
                         const struct hone_attention_pass *pass, uint32_t rows, uint32_t width,
                         float scale) {
    uint32_t count = (uint32_t)hone_attention_rows(s, pass->way);
    const uint32_t sizes[] = {count, (uint32_t)hone_attention_others(s, pass->way),
                              (uint32_t)s->heads};
    hone_dispatch_push(d, sizes, sizeof sizes);
    const struct hone_attention_side *sides[] = {&pass->a, &pass->b, &pass->p, &pass->q,
                                                 &pass->out};
    for (int i = 0; i < 5; i++) {
        const uint32_t place[] = {(uint32_t)sides[i]->stride / width,
                                  (uint32_t)sides[i]->offset / width};
        hone_dispatch_push(d, place, sizeof place);
        if (i < 4) bind(d, sides[i]->operand);
    }
    hone_dispatch_push(d, &scale, sizeof scale);
    bind(d, pass->lse);
    bind(d, pass->delta);
    bind(d, pass->out.operand);
    d->grid[0] = (count + rows - 1) / rows;
    d->grid[1] = (uint32_t)s->heads;
    d->grid[2] = (uint32_t)s->batch;
}
