#include "seccomp/rules.h"
const struct seccomp_list worker_seccomp;
