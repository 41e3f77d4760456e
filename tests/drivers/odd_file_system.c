/* Plays file systems with odd inodes and locks, for everything below the folder ODD_ROOT.

   ODD_INODES: zero (FAT, some network shares), one (all folders have the same), new (others at every start).
   ODD_LOCKS: the error number that every lock of a file fails with.

   cc -shared -fPIC -o odd.so odd_file_system.c -ldl; LD_PRELOAD=./odd.so program
*/
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name, result, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int is_below(const char *path) {
    const char *root = getenv("ODD_ROOT");
    char full[2 * PATH_MAX];
    if (!root || !path) return 0;
    if (path[0] == '/') {
        snprintf(full, sizeof full, "%s", path);
    } else {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here)) return 0;
        snprintf(full, sizeof full, "%s/%s", here, path);
    }
    return strncmp(full, root, strlen(root)) == 0;
}

static int is_open_below(int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

static int is_at_below(int folder, const char *path) {
    if (path[0] == '/' || folder == AT_FDCWD) return is_below(path);
    return is_open_below(folder);
}

static ino_t odd_inode(ino_t inode, int is_folder) {
    const char *kind = getenv("ODD_INODES");
    if (!kind) return inode;
    if (!strcmp(kind, "zero")) return 0;
    if (!strcmp(kind, "one")) return is_folder ? 1 : inode;
    return (inode * 2654435761UL + (ino_t)getpid() * 40503UL) >> 3;
}

#define STAT_FUNCTIONS(suffix) \
    int stat##suffix(const char *path, struct stat##suffix *found) { \
        REAL("stat" #suffix, int, const char *, struct stat##suffix *); \
        int result = real(path, found); \
        if (!result && is_below(path)) found->st_ino = odd_inode(found->st_ino, S_ISDIR(found->st_mode)); \
        return result; \
    } \
    int lstat##suffix(const char *path, struct stat##suffix *found) { \
        REAL("lstat" #suffix, int, const char *, struct stat##suffix *); \
        int result = real(path, found); \
        if (!result && is_below(path)) found->st_ino = odd_inode(found->st_ino, S_ISDIR(found->st_mode)); \
        return result; \
    } \
    int fstat##suffix(int descriptor, struct stat##suffix *found) { \
        REAL("fstat" #suffix, int, int, struct stat##suffix *); \
        int result = real(descriptor, found); \
        if (!result && is_open_below(descriptor)) found->st_ino = odd_inode(found->st_ino, S_ISDIR(found->st_mode)); \
        return result; \
    } \
    int fstatat##suffix(int folder, const char *path, struct stat##suffix *found, int flags) { \
        REAL("fstatat" #suffix, int, int, const char *, struct stat##suffix *, int); \
        int result = real(folder, path, found, flags); \
        if (!result && is_at_below(folder, path)) found->st_ino = odd_inode(found->st_ino, S_ISDIR(found->st_mode)); \
        return result; \
    }

STAT_FUNCTIONS()
STAT_FUNCTIONS(64)

struct dirent *readdir(DIR *folder) {
    REAL("readdir", struct dirent *, DIR *);
    struct dirent *entry = real(folder);
    if (entry && is_open_below(dirfd(folder))) entry->d_ino = odd_inode(entry->d_ino, entry->d_type == DT_DIR);
    return entry;
}

struct dirent64 *readdir64(DIR *folder) {
    REAL("readdir64", struct dirent64 *, DIR *);
    struct dirent64 *entry = real(folder);
    if (entry && is_open_below(dirfd(folder))) entry->d_ino = odd_inode(entry->d_ino, entry->d_type == DT_DIR);
    return entry;
}

static int lock_error(int descriptor) {
    const char *number = getenv("ODD_LOCKS");
    return number && is_open_below(descriptor) ? atoi(number) : 0;
}

int flock(int descriptor, int operation) {
    REAL("flock", int, int, int);
    int error = lock_error(descriptor);
    if (!error) return real(descriptor, operation);
    errno = error;
    return -1;
}

static int locks(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK || command == F_OFD_SETLK ||
           command == F_OFD_SETLKW || command == F_OFD_GETLK;
}

static int control(const char *name, int descriptor, int command, void *argument) {
    int error = locks(command) ? lock_error(descriptor) : 0;
    if (error) {
        errno = error;
        return -1;
    }
    int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, name);
    return real(descriptor, command, argument);
}

int fcntl(int descriptor, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return control("fcntl", descriptor, command, argument);
}

int fcntl64(int descriptor, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return control("fcntl64", descriptor, command, argument);
}
