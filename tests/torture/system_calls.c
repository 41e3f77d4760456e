/* Counts the system calls on files below a folder, makes one of them fail, kills the process or moves a folder away
   at one of them, and records those that change files.

   Locks are left alone: they don't touch a disk, and SQLite waits ten seconds for each (odd_file_system.c fails them).
   Nothing happens until the functions at the end are called, from Python by ctypes; a child process started by fork
   inherits the settings. The folder must be a real path, without links.

   cc -shared -fPIC -o system_calls.so system_calls.c -ldl; LD_PRELOAD=./system_calls.so python
*/
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name, result, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

enum kind { READS = 1, CHANGES = 2, GROWS = 4 };  /* GROWS: needs space on the disk */
enum action { NOTHING, KILL, FAIL_ONCE, FAIL_FROM_THEN_ON, MOVE_AWAY };

static char root[PATH_MAX];
static int kinds, action, error_number, log_descriptor = -1;
static long calls, at;
static char moved_from[PATH_MAX], moved_to[PATH_MAX];
static pthread_mutex_t recording = PTHREAD_MUTEX_INITIALIZER;

static int is_below(const char *path) {
    size_t length = strlen(root);
    return !strncmp(path, root, length) && (!path[length] || path[length] == '/');
}

/* The absolute path of an open file, or of a path relative to an open folder; 0 if it is not below the watched folder. */
static int open_path(int descriptor, char *path) {
    char link[64];
    if (!root[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t (*real)(const char *, char *, size_t) = dlsym(RTLD_NEXT, "readlink");
    ssize_t length = real(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

static int path_at(int folder, const char *path, char *full) {
    if (!root[0] || !path) return 0;
    if (path[0] == '/') {
        snprintf(full, PATH_MAX, "%s", path);
        return is_below(full);
    }
    char base[PATH_MAX];
    if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else if (!open_path(folder, base)) {
        return 0;
    }
    if (snprintf(full, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0;
    return is_below(full);
}

/* Count a call; returns whether it must fail, with errno set. */
static int must_fail(int kind) {
    if (!(kind & kinds)) return 0;
    long number = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    if (action == NOTHING || number < at || (number > at && action != FAIL_FROM_THEN_ON)) return 0;
    if (action == KILL) raise(SIGKILL);
    if (action == MOVE_AWAY) {
        int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
        real(moved_from, moved_to);
        return 0;
    }
    errno = error_number;
    return 1;
}

/* One line of the log: operation, offset, lengths, path, data. Data is what was written, or the second path. */
static void record(char operation, const char *path, int64_t offset, const void *data, size_t size) {
    if (log_descriptor < 0) return;
    struct __attribute__((packed)) { char operation; int64_t offset; uint32_t path, data; } header = {
        operation, offset, (uint32_t)strlen(path), (uint32_t)size};
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (real(log_descriptor, &header, sizeof header) < 0 || real(log_descriptor, path, header.path) < 0 ||
        (size && real(log_descriptor, data, size) < 0))
        abort();
}

#define BEGIN pthread_mutex_lock(&recording)
#define END pthread_mutex_unlock(&recording)

static int is_new(const char *path) {
    int (*real)(const char *, int) = dlsym(RTLD_NEXT, "access");
    return real(path, F_OK) != 0;
}

static int open_any(const char *name, int folder, const char *path, int flags, mode_t mode) {
    int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, name);
    char full[PATH_MAX];
    if (!path_at(folder, path, full)) return real(folder, path, flags, mode);
    int changes = flags & (O_CREAT | O_TRUNC);
    if (must_fail(changes ? READS | CHANGES | GROWS : READS)) return -1;
    BEGIN;
    int creates = changes && is_new(full);
    int result = real(folder, path, flags, mode);
    if (result >= 0 && creates) record('c', full, 0, NULL, 0);
    if (result >= 0 && !creates && (flags & O_TRUNC)) record('t', full, 0, NULL, 0);
    END;
    return result;
}

#define OPEN(name, at_name) \
    int name(const char *path, int flags, ...) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0; \
        va_end(arguments); \
        return open_any(#at_name, AT_FDCWD, path, flags, mode); \
    } \
    int at_name(int folder, const char *path, int flags, ...) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0; \
        va_end(arguments); \
        return open_any(#at_name, folder, path, flags, mode); \
    }

OPEN(open, openat)
OPEN(open64, openat64)

/* Calls on open files that read. */
#define ON_DESCRIPTOR(name, result_type, parameters, values, ...) \
    result_type name parameters { \
        REAL(#name, result_type, __VA_ARGS__); \
        char path[PATH_MAX]; \
        if (open_path(descriptor, path) && must_fail(READS)) return (result_type)-1; \
        return real values; \
    }

ON_DESCRIPTOR(read, ssize_t, (int descriptor, void *data, size_t size), (descriptor, data, size), int, void *, size_t)
ON_DESCRIPTOR(pread, ssize_t, (int descriptor, void *data, size_t size, off_t offset),
              (descriptor, data, size, offset), int, void *, size_t, off_t)
ON_DESCRIPTOR(pread64, ssize_t, (int descriptor, void *data, size_t size, off64_t offset),
              (descriptor, data, size, offset), int, void *, size_t, off64_t)
ON_DESCRIPTOR(fstat, int, (int descriptor, struct stat *found), (descriptor, found), int, struct stat *)
ON_DESCRIPTOR(fstat64, int, (int descriptor, struct stat64 *found), (descriptor, found), int, struct stat64 *)

#define ON_PATH(name, result_type, failed, parameters, values, ...) \
    result_type name parameters { \
        REAL(#name, result_type, __VA_ARGS__); \
        char full[PATH_MAX]; \
        if (path_at(AT_FDCWD, path, full) && must_fail(READS)) return failed; \
        return real values; \
    }

ON_PATH(stat, int, -1, (const char *path, struct stat *found), (path, found), const char *, struct stat *)
ON_PATH(stat64, int, -1, (const char *path, struct stat64 *found), (path, found), const char *, struct stat64 *)
ON_PATH(lstat, int, -1, (const char *path, struct stat *found), (path, found), const char *, struct stat *)
ON_PATH(lstat64, int, -1, (const char *path, struct stat64 *found), (path, found), const char *, struct stat64 *)
ON_PATH(opendir, DIR *, NULL, (const char *path), (path), const char *)
ON_PATH(readlink, ssize_t, -1, (const char *path, char *target, size_t size), (path, target, size), const char *,
        char *, size_t)

int fstatat64(int folder, const char *path, struct stat64 *found, int flags) {
    REAL("fstatat64", int, int, const char *, struct stat64 *, int);
    char full[PATH_MAX];
    if (path_at(folder, path, full) && must_fail(READS)) return -1;
    return real(folder, path, found, flags);
}

struct dirent64 *readdir64(DIR *folder) {
    REAL("readdir64", struct dirent64 *, DIR *);
    char path[PATH_MAX];
    if (open_path(dirfd(folder), path) && must_fail(READS)) return NULL;
    return real(folder);
}

void *mmap64(void *address, size_t size, int protection, int flags, int descriptor, off64_t offset) {
    REAL("mmap64", void *, void *, size_t, int, int, int, off64_t);
    char path[PATH_MAX];
    if (descriptor >= 0 && open_path(descriptor, path) && must_fail(READS)) return MAP_FAILED;
    return real(address, size, protection, flags, descriptor, offset);
}

/* Writes. Copies between files within the kernel are refused, so that they are made by reads and writes. */
ssize_t write(int descriptor, const void *data, size_t size) {
    REAL("write", ssize_t, int, const void *, size_t);
    char path[PATH_MAX];
    if (descriptor == log_descriptor || !open_path(descriptor, path)) return real(descriptor, data, size);
    if (must_fail(CHANGES | GROWS)) return -1;
    BEGIN;
    int64_t offset = fcntl(descriptor, F_GETFL) & O_APPEND ? lseek64(descriptor, 0, SEEK_END)
                                                            : lseek64(descriptor, 0, SEEK_CUR);
    ssize_t result = real(descriptor, data, size);
    if (result > 0) record('w', path, offset, data, (size_t)result);
    END;
    return result;
}

#define PWRITE(name, offset_type) \
    ssize_t name(int descriptor, const void *data, size_t size, offset_type offset) { \
        REAL(#name, ssize_t, int, const void *, size_t, offset_type); \
        char path[PATH_MAX]; \
        if (!open_path(descriptor, path)) return real(descriptor, data, size, offset); \
        if (must_fail(CHANGES | GROWS)) return -1; \
        BEGIN; \
        ssize_t result = real(descriptor, data, size, offset); \
        if (result > 0) record('w', path, offset, data, (size_t)result); \
        END; \
        return result; \
    }

PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) {
    REAL("sendfile64", ssize_t, int, int, off64_t *, size_t);
    char path[PATH_MAX];
    if (!open_path(to, path)) return real(to, from, offset, size);
    errno = EINVAL;
    return -1;
}

ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *target, size_t size, unsigned flags) {
    REAL("copy_file_range", ssize_t, int, off64_t *, int, off64_t *, size_t, unsigned);
    char path[PATH_MAX];
    if (!open_path(to, path)) return real(from, start, to, target, size, flags);
    errno = EXDEV;
    return -1;
}

#define TRUNCATE(name, offset_type) \
    int name(int descriptor, offset_type size) { \
        REAL(#name, int, int, offset_type); \
        char path[PATH_MAX]; \
        if (!open_path(descriptor, path)) return real(descriptor, size); \
        if (must_fail(CHANGES)) return -1; \
        BEGIN; \
        int result = real(descriptor, size); \
        if (!result) record('t', path, size, NULL, 0); \
        END; \
        return result; \
    }

TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name) \
    int name(int descriptor) { \
        REAL(#name, int, int); \
        char path[PATH_MAX]; \
        if (!open_path(descriptor, path)) return real(descriptor); \
        if (must_fail(CHANGES)) return -1; \
        BEGIN; \
        record('s', path, 0, NULL, 0);  /* the disks of tests need not be synced */ \
        END; \
        return 0; \
    }

SYNC(fsync)
SYNC(fdatasync)

static int change_names(const char *name, char operation, int kind, int folder, const char *path, int last) {
    int (*real)(int, const char *, int) = dlsym(RTLD_NEXT, name);
    char full[PATH_MAX];
    if (!path_at(folder, path, full)) return real(folder, path, last);
    if (must_fail(kind)) return -1;
    BEGIN;
    int result = real(folder, path, last);
    if (!result) record(operation, full, 0, NULL, 0);
    END;
    return result;
}

int unlink(const char *path) { return change_names("unlinkat", 'u', CHANGES, AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) {
    return change_names("unlinkat", flags & AT_REMOVEDIR ? 'r' : 'u', CHANGES, folder, path, flags);
}
int rmdir(const char *path) { return change_names("unlinkat", 'r', CHANGES, AT_FDCWD, path, AT_REMOVEDIR); }
int mkdir(const char *path, mode_t mode) {
    return change_names("mkdirat", 'm', CHANGES | GROWS, AT_FDCWD, path, (int)mode);
}
int mkdirat(int folder, const char *path, mode_t mode) {
    return change_names("mkdirat", 'm', CHANGES | GROWS, folder, path, (int)mode);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    REAL("renameat", int, int, const char *, int, const char *);
    char source[PATH_MAX], target[PATH_MAX];
    int below = path_at(from_folder, from, source);
    if (!path_at(to_folder, to, target) || !below) return real(from_folder, from, to_folder, to);
    if (must_fail(CHANGES)) return -1;
    BEGIN;
    int result = real(from_folder, from, to_folder, to);
    if (!result) record('n', source, 0, target, strlen(target));
    END;
    return result;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

/* For Python. */
void torture_watch(const char *folder) { snprintf(root, PATH_MAX, "%s", folder); }

void torture_arm(int new_kinds, int new_action, long new_at, int new_error, const char *from, const char *to) {
    calls = 0;
    kinds = new_kinds;
    at = new_at;
    error_number = new_error;
    snprintf(moved_from, PATH_MAX, "%s", from);
    snprintf(moved_to, PATH_MAX, "%s", to);
    action = new_action;
}

long torture_calls(void) { return calls; }

void torture_record(int descriptor) { log_descriptor = descriptor; }

void torture_mark(const char *text) {
    BEGIN;
    record('!', "", 0, text, strlen(text));
    END;
}
