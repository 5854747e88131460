// zlib alone, for header blocks of SPDY.
#include <zlib.h>
