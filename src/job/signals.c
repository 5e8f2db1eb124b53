/* SPDX-License-Identifier: MIT */
/*
 * The table of signals. Where two names mean one number the first one is printed.
 */
#include "job/signals.h"

#include <signal.h>
#include <string.h>

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "HUP", SIGHUP },       { "INT", SIGINT },   { "QUIT", SIGQUIT }, { "ILL", SIGILL },   { "TRAP", SIGTRAP },
	{ "ABRT", SIGABRT },     { "BUS", SIGBUS },   { "FPE", SIGFPE },   { "KILL", SIGKILL }, { "USR1", SIGUSR1 },
	{ "SEGV", SIGSEGV },     { "USR2", SIGUSR2 }, { "PIPE", SIGPIPE }, { "ALRM", SIGALRM }, { "TERM", SIGTERM },
	{ "CHLD", SIGCHLD },     { "CONT", SIGCONT }, { "STOP", SIGSTOP }, { "TSTP", SIGTSTP }, { "TTIN", SIGTTIN },
	{ "TTOU", SIGTTOU },     { "URG", SIGURG },   { "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ }, { "VTALRM", SIGVTALRM },
	{ "PROF", SIGPROF },     { "SYS", SIGSYS },
#ifdef SIGSTKFLT
	{ "STKFLT", SIGSTKFLT },
#endif
#ifdef SIGEMT
	{ "EMT", SIGEMT },
#endif
#ifdef SIGWINCH
	{ "WINCH", SIGWINCH },
#endif
#ifdef SIGIO
	{ "IO", SIGIO },
#endif
#ifdef SIGPOLL
	{ "POLL", SIGPOLL },
#endif
#ifdef SIGPWR
	{ "PWR", SIGPWR },
#endif
#ifdef SIGLOST
	{ "LOST", SIGLOST },
#endif
#ifdef SIGIOT
	{ "IOT", SIGIOT },
#endif
#ifdef SIGCLD
	{ "CLD", SIGCLD },
#endif
#ifdef SIGUNUSED
	{ "UNUSED", SIGUNUSED },
#endif
};

const char *
signal_name(int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (signals[i].number == number)
			return signals[i].name;
	return NULL;
}

const char *const *
signal_names(size_t *n)
{
	static const char *names[ARRAY_SIZE(signals)];

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		names[i] = signals[i].name;
	*n = ARRAY_SIZE(signals);
	return names;
}

bool
signal_is_valid(long number)
{
	return number >= 1 && number <= SIGRTMAX;
}

/* What follows "RTMIN": nothing, or "+" and one or two digits. */
static int
realtime_signal(const char *offset)
{
	long n = 0;

	if (*offset != '\0') {
		if (*offset++ != '+' || *offset == '\0' || strlen(offset) > 2)
			return 0;
		for (; *offset != '\0'; offset++) {
			if (*offset < '0' || *offset > '9')
				return 0;
			n = 10 * n + (*offset - '0');
		}
	}
	return signal_is_valid(SIGRTMIN + n) ? (int) (SIGRTMIN + n) : 0;
}

/* The first n bytes, or all if both end before, are the same but for the case of ASCII letters: no locale. */
static bool
same_letters(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char x = a[i] >= 'a' && a[i] <= 'z' ? (char) (a[i] - 'a' + 'A') : a[i];
		char y = b[i] >= 'a' && b[i] <= 'z' ? (char) (b[i] - 'a' + 'A') : b[i];

		if (x != y)
			return false;
		if (x == '\0')
			return true;
	}
	return true;
}

int
signal_from_name(const char *name)
{
	if (same_letters(name, "SIG", 3))
		name += 3;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (same_letters(signals[i].name, name, SIZE_MAX))
			return signals[i].number;
	if (same_letters(name, "RTMIN", 5))
		return realtime_signal(name + 5);
	return 0;
}
