/* Clocks, the servers' CPU and memory as the kernel counts them, and latencies. */
#include "generator.h"
#include <time.h>

static double *latencies; /* microseconds */
static size_t number_of_latencies, room_for_latencies;

static double clock_us(clockid_t clock) {
    struct timespec time = {0};
    clock_gettime(clock, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* All threads of a server together. */
static double server_us(int pid) {
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) ? 0 : clock_us(clock);
}

/* What ran on core 0, the servers', whoever it was (proc_stat(5)). */
static double core_us(void) {
    unsigned long user = 0, nice = 0, system = 0, idle, wait, irq = 0, softirq = 0, steal = 0;
    char line[256];
    FILE *file = fopen("/proc/stat", "r");
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "cpu0 %lu %lu %lu %lu %lu %lu %lu %lu", &user, &nice, &system, &idle, &wait,
                   &irq, &softirq, &steal) == 8)
            break;
    fclose(file);
    return (user + nice + system + irq + softirq + steal) * 1e6 / sysconf(_SC_CLK_TCK);
}

/* A number from /proc/PID/status. */
static long status_of(int pid, const char *format) {
    char name[64], line[256];
    long value = 0;
    snprintf(name, sizeof name, "/proc/%d/status", pid);
    FILE *file = fopen(name, "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, format, &value) != 1)
        ;
    if (file)
        fclose(file);
    return value;
}

/* The sum over all servers. */
static long status(const char *format) {
    long sum = 0;
    for (int i = 0; i < options.number_of_pids; i++)
        sum += status_of(options.pids[i], format);
    return sum;
}

long resident_kib(void) { return status("VmRSS: %ld"); }

void meter_read(struct meter *meter) {
    meter->wakeups = status("voluntary_ctxt_switches: %ld");
    meter->core = core_us();
    meter->servers = 0;
    for (int i = 0; i < options.number_of_pids; i++)
        meter->servers += meter->server[i] = server_us(options.pids[i]);
    meter->generator = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    meter->at = now();
}

void latency_add(double us) {
    if (number_of_latencies == room_for_latencies) {
        room_for_latencies = room_for_latencies ? 2 * room_for_latencies : 65536;
        latencies = realloc(latencies, room_for_latencies * sizeof *latencies);
    }
    latencies[number_of_latencies++] = us;
}

void latency_clear(void) { number_of_latencies = 0; }

static int by_size(const void *one, const void *other) {
    double difference = *(double *)one - *(double *)other;
    return difference < 0 ? -1 : difference > 0;
}

/* The latency that `share` of all signals did not exceed, 0 without signals. */
double latency_at(double share) {
    qsort(latencies, number_of_latencies, sizeof *latencies, by_size);
    return number_of_latencies ? latencies[(size_t)(number_of_latencies * share)] : 0;
}
