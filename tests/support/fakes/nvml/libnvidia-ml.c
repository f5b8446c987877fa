/* Stand-in for NVIDIA's libnvidia-ml.so.1: GPUs that follow a script, for nvidia-ml-py to load.
 *
 * The script is the text file named in FAKE_NVML_SCRIPT, read again whenever it changes:
 *     start SECONDS            time zero on CLOCK_MONOTONIC (default: when the library was loaded)
 *     count N                  GPUs
 *     init CODE                nvmlInit fails with this error
 *     GPU KEY T:VALUE ...      VALUE holds from T seconds after the start on; before the first: the first
 * KEY is a quantity (power in W, utilization, ...), error.KEY (NVML error code of the call that asks for it,
 * 0: none), hang.KEY (seconds which that call takes), crash.KEY (1: it ends the process) or lost (1: off the bus). Keys without a script have
 * the value in DEFAULTS. The energy counter is the integral of power, brought up to date every 100 ms;
 * the average power is the mean over the last second.
 *
 * Declared in this project's own words from the NVML API Reference Guide; only what the harness calls.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { OK = 0, INVALID = 2, NOT_SUPPORTED = 3, TOO_SMALL = 7, LOST = 15 };
enum { MAX_SCRIPTS = 256, MAX_STEPS = 64, MAX_GPUS = 16, MAX_PIDS = 8 };

typedef int Result;
typedef struct { int index; } Gpu;
typedef struct { int gpu, steps; char key[32]; double at[MAX_STEPS], value[MAX_STEPS]; } Script;
typedef struct { const char *key; double value; } Default;

static const Default DEFAULTS[] = {
    {"power", 70}, {"utilization", 0}, {"memory_utilization", 0}, {"memory_used", 1073741824.0},
    {"memory_total", 85899345920.0}, {"temperature", 40}, {"sm_clock", 1410}, {"memory_clock", 1593},
    {"reasons", 0}, {"ecc_corrected", 0}, {"ecc_uncorrected", 0}, {"pcie_rx", 1000}, {"pcie_tx", 500},
    {"limit", 700}, {"mig", 0}, {"max_sm_clock", 1980}, {"bus_width", 5120}, {"pcie_generation", 5},
    {"pcie_width", 16}, {NULL, 0},
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Script scripts[MAX_SCRIPTS];
static int script_count, gpu_count = 1, init_error, loaded;
static double start_s = -1, clock_s = -1;
static struct timespec changed;
static Gpu gpus[MAX_GPUS];

static double monotonic_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_line(char *line) {
    char *rest, *word = strtok_r(line, " \t\n", &rest), *key = strtok_r(NULL, " \t\n", &rest);
    if (!word || !key) return;
    if (!strcmp(word, "start")) { start_s = atof(key); return; }
    if (!strcmp(word, "count")) { gpu_count = atoi(key); return; }
    if (!strcmp(word, "init")) { init_error = atoi(key); return; }
    if (script_count >= MAX_SCRIPTS) return;
    Script *s = &scripts[script_count++];
    s->gpu = atoi(word);
    s->steps = 0;
    snprintf(s->key, sizeof s->key, "%s", key);
    for (char *step; s->steps < MAX_STEPS && (step = strtok_r(NULL, " \t\n", &rest));)
        if (sscanf(step, "%lf:%lf", &s->at[s->steps], &s->value[s->steps]) == 2) s->steps++;
}

/* Called with the lock held. */
static void refresh(void) {
    const char *path = getenv("FAKE_NVML_SCRIPT");
    struct stat info;
    if (start_s < 0) start_s = monotonic_s();
    if (!path || stat(path, &info)) return;
    if (loaded && !memcmp(&changed, &info.st_mtim, sizeof changed)) return;
    FILE *file = fopen(path, "r");
    if (!file) return;
    char line[4096];
    loaded = 1, changed = info.st_mtim, script_count = 0, gpu_count = 1, init_error = 0;
    while (fgets(line, sizeof line, file)) read_line(line);
    fclose(file);
}

static const Script *find(int gpu, const char *key) {
    for (int i = 0; i < script_count; i++)
        if (scripts[i].gpu == gpu && scripts[i].steps && !strcmp(scripts[i].key, key)) return &scripts[i];
    return NULL;
}

static double value_at(int gpu, const char *key, double t) {
    const Script *s = find(gpu, key);
    if (!s) {
        for (const Default *d = DEFAULTS; d->key; d++)
            if (!strcmp(d->key, key)) return d->value;
        return 0;
    }
    double value = s->value[0];
    for (int i = 0; i < s->steps && s->at[i] <= t; i++) value = s->value[i];
    return value;
}

static double energy_j(int gpu, double t) {
    const Script *s = find(gpu, "power");
    if (!s) return value_at(gpu, "power", t) * t;
    double joule = 0;
    for (int i = 0; i < s->steps; i++) {
        double from = i ? s->at[i] : 0, to = i + 1 < s->steps && s->at[i + 1] < t ? s->at[i + 1] : t;
        if (to > from) joule += s->value[i] * (to - from);
    }
    return joule;
}

static double now_s(void) { return clock_s >= 0 ? clock_s : monotonic_s() - start_s; }

/* What the call that asks for `key` returns; sleeps first if the script says that it hangs. */
static Result ask(const Gpu *gpu, const char *key, double *value) {
    char name[48];
    if (!gpu || gpu < gpus || gpu >= gpus + MAX_GPUS) return INVALID;
    pthread_mutex_lock(&lock);
    refresh();
    double t = now_s();
    snprintf(name, sizeof name, "hang.%s", key);
    double hang = value_at(gpu->index, name, t);
    snprintf(name, sizeof name, "crash.%s", key);
    if (value_at(gpu->index, name, t)) abort();
    snprintf(name, sizeof name, "error.%s", key);
    Result result = value_at(gpu->index, "lost", t) ? LOST : (Result)value_at(gpu->index, name, t);
    if (!strcmp(key, "energy") && !find(gpu->index, key))
        *value = energy_j(gpu->index, (double)(long long)(t * 10 + 1e-6) / 10);
    else if (!strcmp(key, "power_average") && !find(gpu->index, key))
        *value = t >= 1 ? energy_j(gpu->index, t) - energy_j(gpu->index, t - 1) : value_at(gpu->index, "power", t);
    else
        *value = value_at(gpu->index, key, t);
    pthread_mutex_unlock(&lock);
    if (hang > 0) {
        struct timespec wait = {(time_t)hang, (long)((hang - (double)(time_t)hang) * 1e9)};
        nanosleep(&wait, NULL);
    }
    return result;
}

/* For tests: time since the start is `seconds` from now on, whatever the clock says. */
void fake_nvml_clock(double seconds) { clock_s = seconds; }

Result nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    pthread_mutex_lock(&lock);
    refresh();
    for (int i = 0; i < MAX_GPUS; i++) gpus[i].index = i;
    pthread_mutex_unlock(&lock);
    return init_error;
}
Result nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
Result nvmlShutdown(void) { return OK; }
Result nvmlSystemGetDriverVersion(char *out, unsigned size) { return snprintf(out, size, "550.54.15"), OK; }
Result nvmlSystemGetCudaDriverVersion(int *out) { return *out = 12040, OK; }
Result nvmlDeviceGetCount_v2(unsigned *out) { return *out = (unsigned)gpu_count, OK; }

Result nvmlDeviceGetHandleByIndex_v2(unsigned index, Gpu **out) {
    if (index >= (unsigned)gpu_count || index >= MAX_GPUS) return INVALID;
    double none;
    return *out = &gpus[index], ask(*out, "handle", &none);
}

Result nvmlDeviceGetName(Gpu *gpu, char *out, unsigned size) {
    double none;
    return snprintf(out, size, "Fake GPU"), ask(gpu, "name", &none);
}

Result nvmlDeviceGetUUID(Gpu *gpu, char *out, unsigned size) {
    double none;
    return snprintf(out, size, "GPU-fake-%d", gpu->index), ask(gpu, "uuid", &none);
}

static Result whole(Gpu *gpu, const char *key, double factor, unsigned *out) {
    double value = 0;
    Result result = ask(gpu, key, &value);
    return *out = (unsigned)(value * factor + 0.5), result;
}

static Result large(Gpu *gpu, const char *key, double factor, unsigned long long *out) {
    double value = 0;
    Result result = ask(gpu, key, &value);
    return *out = (unsigned long long)(value * factor + 0.5), result;
}

/* Power by the call `key`, which may have an error or hang of its own. */
static Result power(Gpu *gpu, const char *key, unsigned *out) {
    Result result = whole(gpu, key, 0, out);
    return result ? result : whole(gpu, "power", 1e3, out);
}

Result nvmlDeviceGetPowerUsage(Gpu *gpu, unsigned *out) { return power(gpu, "power_usage", out); }
Result nvmlDeviceGetTotalEnergyConsumption(Gpu *gpu, unsigned long long *out) { return large(gpu, "energy", 1e3, out); }
Result nvmlDeviceGetEnforcedPowerLimit(Gpu *gpu, unsigned *out) { return whole(gpu, "limit", 1e3, out); }
Result nvmlDeviceGetTemperature(Gpu *gpu, int sensor, unsigned *out) { return (void)sensor, whole(gpu, "temperature", 1, out); }
Result nvmlDeviceGetCurrentClocksEventReasons(Gpu *gpu, unsigned long long *out) { return large(gpu, "reasons", 1, out); }
Result nvmlDeviceGetCurrentClocksThrottleReasons(Gpu *gpu, unsigned long long *out) { return large(gpu, "reasons", 1, out); }
Result nvmlDeviceGetMemoryBusWidth(Gpu *gpu, unsigned *out) { return whole(gpu, "bus_width", 1, out); }
Result nvmlDeviceGetMaxPcieLinkGeneration(Gpu *gpu, unsigned *out) { return whole(gpu, "pcie_generation", 1, out); }
Result nvmlDeviceGetMaxPcieLinkWidth(Gpu *gpu, unsigned *out) { return whole(gpu, "pcie_width", 1, out); }
Result nvmlDeviceGetMaxClockInfo(Gpu *gpu, int type, unsigned *out) { return (void)type, whole(gpu, "max_sm_clock", 1, out); }
Result nvmlDeviceGetNvLinkState(Gpu *gpu, unsigned link, unsigned *out) { return (void)gpu, (void)link, (void)out, NOT_SUPPORTED; }

Result nvmlDeviceGetClockInfo(Gpu *gpu, int type, unsigned *out) {
    return whole(gpu, type == 2 ? "memory_clock" : "sm_clock", 1, out);
}

/* The driver watches the link for 20 ms. */
Result nvmlDeviceGetPcieThroughput(Gpu *gpu, int counter, unsigned *out) {
    struct timespec wait = {0, 20000000};
    nanosleep(&wait, NULL);
    return whole(gpu, counter ? "pcie_rx" : "pcie_tx", 1, out);
}

Result nvmlDeviceGetTotalEccErrors(Gpu *gpu, int kind, int since, unsigned long long *out) {
    return (void)since, large(gpu, kind ? "ecc_uncorrected" : "ecc_corrected", 1, out);
}

Result nvmlDeviceGetUtilizationRates(Gpu *gpu, unsigned out[2]) {
    Result result = whole(gpu, "utilization", 1, &out[0]);
    return result ? result : whole(gpu, "memory_utilization", 1, &out[1]);
}

Result nvmlDeviceGetMemoryInfo(Gpu *gpu, unsigned long long out[3]) {
    Result result = large(gpu, "memory_total", 1, &out[0]);
    if (!result) result = large(gpu, "memory_used", 1, &out[2]);
    return out[1] = out[0] - out[2], result;
}

Result nvmlDeviceGetMigMode(Gpu *gpu, unsigned *current, unsigned *pending) {
    Result result = whole(gpu, "mig", 1, current);
    return *pending = *current, result;
}

typedef struct { unsigned pid; unsigned long long memory; unsigned instance, compute_instance; } Process;

/* Keys process0, process1, ...: process ids, 0 for none. */
Result nvmlDeviceGetComputeRunningProcesses_v3(Gpu *gpu, unsigned *count, Process *out) {
    unsigned pids[MAX_PIDS], found = 0, room = *count;
    for (int i = 0; i < MAX_PIDS; i++) {
        char key[16];
        snprintf(key, sizeof key, "process%d", i);
        Result result = whole(gpu, key, 1, &pids[found]);
        if (result) return result;
        if (pids[found]) found++;
    }
    *count = found;
    if (found && (!out || room < found)) return TOO_SMALL;
    for (unsigned i = 0; i < found; i++) out[i] = (Process){pids[i], 1 << 20, ~0u, ~0u};
    return OK;
}

typedef struct {
    unsigned field, scope;
    long long timestamp, latency_us;
    int type;
    Result result;
    union { double real; unsigned whole; unsigned long long large; } value;
} FieldValue;

/* 83 energy, 185 average and 186 instantaneous power (NVML_FI_DEV_*); each has an error of its own. */
Result nvmlDeviceGetFieldValues(Gpu *gpu, int count, FieldValue *values) {
    double none;
    Result all = ask(gpu, "fields", &none);
    for (int i = 0; i < count && !all; i++) {
        FieldValue *v = &values[i];
        if (v->field == 83) v->type = 3, v->result = large(gpu, "energy", 1e3, &v->value.large);
        else if (v->field == 185) v->type = 1, v->result = whole(gpu, "power_average", 1e3, &v->value.whole);
        else if (v->field == 186) v->type = 1, v->result = power(gpu, "power_instant", &v->value.whole);
        else v->result = NOT_SUPPORTED;
    }
    return all;
}

const char *nvmlErrorString(Result result) { return (void)result, "scripted error"; }
