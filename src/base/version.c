// version.c: the version that the library was built as.
#include <hone/version.h>

const char *hone_version(void) {
    return HONE_VERSION_STRING;
}
