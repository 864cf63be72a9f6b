// chart.c: see chart.h. Colours are classes of the page's style sheet (l0, l1, ...), so that they
// follow its light and dark theme.
#include "report/chart.h"

#include <float.h>
#include <math.h>

#include "report/html.h"

enum { WIDTH = 460, HEIGHT = 250, LEFT = 52, RIGHT = 14, TOP = 34, BOTTOM = 30, POINTS_MOST = 400 };

struct frame {
    double x_lo, x_hi, y_lo, y_hi;
    bool log_x; // x_lo and x_hi are logarithms
};

static double place_x(const struct frame *f, double x) {
    if (f->log_x) x = log10(x);
    return LEFT + (x - f->x_lo) / (f->x_hi - f->x_lo) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const struct frame *f, double y) {
    return HEIGHT - BOTTOM - (y - f->y_lo) / (f->y_hi - f->y_lo) * (HEIGHT - TOP - BOTTOM);
}

// The step of about five ticks: 1, 2 or 5 times a power of ten.
static double tick_step(double range) {
    double rough = range / 5, power = pow(10, floor(log10(rough)));
    double lead = rough / power;
    return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
}

// Ticks begin at 0; the last may lie beyond the end by what rounding makes.
static int last_tick(double range, double step) {
    return (int)fmin(floor(range / step + 1e-6), 20);
}

static bool line_any(const struct hone_chart *chart, int k) {
    for (size_t i = 0; i < chart->count; i++)
        if (isfinite(chart->line[k].y[i])) return true;
    return false;
}

static struct frame chart_frame(const struct hone_chart *chart) {
    struct frame f = {chart->x[0], chart->x[chart->count - 1], 0, chart->share ? 1 : 0,
                      chart->log_x};
    if (f.log_x) {
        f.x_lo = log10(f.x_lo);
        f.x_hi = log10(f.x_hi);
    }
    for (int k = 0; k < chart->line_count && !chart->share; k++)
        for (size_t i = 0; i < chart->count; i++)
            if (isfinite(chart->line[k].y[i])) f.y_hi = fmax(f.y_hi, chart->line[k].y[i]);
    if (!(f.y_hi > 0)) f.y_hi = 1;
    if (!chart->share) f.y_hi = fmin(f.y_hi * 1.04, DBL_MAX);
    if (f.x_hi <= f.x_lo) { // one point stands in the middle
        f.x_lo -= 1;
        f.x_hi += 1;
    }
    return f;
}

static void draw_axes(struct hone_text *out, const struct frame *f) {
    double y_step = tick_step(f->y_hi - f->y_lo), x_step = fmax(1, tick_step(f->x_hi - f->x_lo));
    for (int k = 0; k <= last_tick(f->y_hi, y_step); k++) {
        double y = k * y_step;
        hone_text_printf(out,
                         "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text class=\"ty\" x=\"%d\" "
                         "y=\"%.1f\">%.3g</text>",
                         LEFT, place_y(f, y), WIDTH - RIGHT, LEFT - 6, place_y(f, y) + 4, y);
    }
    double first = ceil(f->x_lo / x_step - 1e-6) * x_step;
    for (int k = 0; k <= last_tick(f->x_hi - first, x_step); k++) {
        double x = first + k * x_step, value = f->log_x ? pow(10, x) : x; // tidy powers of ten
        hone_text_printf(out, "<text class=\"tx\" x=\"%.1f\" y=\"%d\">%.6g</text>",
                         place_x(f, value), HEIGHT - BOTTOM + 16, value);
    }
}

// A gap where a number is missing begins a new stroke.
static void draw_line(struct hone_text *out, const struct hone_chart *chart, const struct frame *f,
                      int k, int colour) {
    size_t stride = (chart->count + POINTS_MOST - 1) / POINTS_MOST;
    bool down = false;
    hone_text_printf(out, "<path class=\"line l%d\" d=\"", colour);
    for (size_t i = 0; i < chart->count; i += stride) {
        size_t at = i + stride >= chart->count ? chart->count - 1 : i;
        double y = chart->line[k].y[at];
        if (isfinite(y)) {
            double px = place_x(f, chart->x[at]), py = place_y(f, y);
            hone_text_printf(out, "%c%.1f %.1f", down ? 'L' : 'M', px, py);
            if (!down) hone_text_printf(out, "h.01"); // a lone point shows as a dot
        }
        down = isfinite(y);
    }
    hone_text_printf(out, "\"/>");
}

static void draw(struct hone_text *out, const struct hone_chart *chart, const char *space,
                 const char *style) {
    bool any = false;
    for (int k = 0; k < chart->line_count; k++) any = any || line_any(chart, k);
    if (!any) return;
    struct frame f = chart_frame(chart);
    hone_text_printf(out, "<svg%s viewBox=\"0 0 %d %d\" role=\"img\">%s<title>", space, WIDTH,
                     HEIGHT, style);
    hone_html_text(out, chart->title);
    hone_text_printf(out, "</title>");
    draw_axes(out, &f);
    if (chart->mark >= chart->x[0] && chart->mark <= chart->x[chart->count - 1])
        hone_text_printf(out, "<path class=\"mark\" d=\"M%.1f %dV%d\"/>", place_x(&f, chart->mark),
                         TOP, HEIGHT - BOTTOM);
    hone_text_printf(out, "<text class=\"title\" x=\"%d\" y=\"18\">", LEFT);
    hone_html_text(out, chart->title);
    for (int k = 0, colour = 0; k < chart->line_count; k++) {
        if (!line_any(chart, k)) continue;
        hone_text_printf(out, "<tspan class=\"l%d\" dx=\"12\">", colour++);
        hone_html_text(out, chart->line[k].name);
        hone_text_printf(out, "</tspan>");
    }
    hone_text_printf(out, "</text>");
    for (int k = 0, colour = 0; k < chart->line_count; k++)
        if (line_any(chart, k)) draw_line(out, chart, &f, k, colour++);
    hone_text_printf(out, "</svg>\n");
}

void hone_chart_svg(struct hone_text *out, const struct hone_chart *chart) {
    draw(out, chart, "", "");
}

// A file has no page around it that says what it looks like.
void hone_chart_file(struct hone_text *out, const struct hone_chart *chart) {
    draw(out, chart, " xmlns=\"http://www.w3.org/2000/svg\"",
         "<style>svg{background:#fff}text{font:11px system-ui,sans-serif;fill:#5c6670}"
         ".title{font-size:13px;font-weight:600;fill:#1c2126}.ty{text-anchor:end}"
         ".tx{text-anchor:middle}.grid{stroke:#dfe3e7}.mark{stroke:#5c6670;stroke-dasharray:3 3}"
         ".line{fill:none;stroke:#0b6bcb;stroke-width:2}tspan.l0{fill:#0b6bcb}</style>");
}
