#include "/usr/include/postgresql/libpq-fe.h"
