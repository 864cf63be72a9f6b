// version.h: the release of hone, for the preprocessor and at run time.
#ifndef HONE_VERSION_H
#define HONE_VERSION_H

#define HONE_VERSION_MAJOR  0
#define HONE_VERSION_MINOR  1
#define HONE_VERSION_PATCH  0
#define HONE_VERSION_STRING "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

// The version of the library that is linked, "MAJOR.MINOR.PATCH". Static storage; any thread.
const char *hone_version(void);

#ifdef __cplusplus
}
#endif
#endif
