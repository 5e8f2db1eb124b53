/* SPDX-License-Identifier: MIT */
#pragma once

/* What a main process may say of itself, in any combination: bits. */
enum said_what {
	SAID_READY = 1u << 0,
	SAID_MAIN = 1u << 1,	  /* another process is the main one */
	SAID_STATUS = 1u << 2,	  /* what it does, for those who look */
	SAID_RELOADING = 1u << 3, /* until it is ready again */
	SAID_STOPPING = 1u << 4,
	SAID_ALIVE = 1u << 5,	 /* for the watchdog */
	SAID_SICK = 1u << 6,	 /* as if the watchdog had found it out */
	SAID_WATCHDOG = 1u << 7, /* how often it says that it is alive from now on; 0: not any more */
	SAID_EXTEND = 1u << 8,	 /* what it is at takes so long from now, at the most */
	SAID_NOTHING = 1u << 9,	 /* it has given up its only means to say that it is ready */
};
