/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qmp/number-priv.h"

#include <stdbool.h>

/* Behind a number that could end here. */
static enum number after(char byte, bool may_point, bool may_e)
{
	if (byte == '.')
		return may_point ? NUMBER_POINT : NUMBER_BAD;
	if (byte == 'e' || byte == 'E')
		return may_e ? NUMBER_E : NUMBER_BAD;
	return byte == '-' || byte == '+' ? NUMBER_BAD : NUMBER_NONE;
}

enum number number_step(enum number number, char byte)
{
	bool digit = byte >= '0' && byte <= '9';
	enum number whole = byte == '0' ? NUMBER_ZERO : NUMBER_WHOLE;

	switch (number) {
	case NUMBER_NONE:
		return byte == '-' ? NUMBER_SIGN : digit ? whole : NUMBER_NONE;
	case NUMBER_SIGN:
		return digit ? whole : NUMBER_BAD;
	case NUMBER_ZERO:
		return digit ? NUMBER_BAD : after(byte, true, true);
	case NUMBER_WHOLE:
		return digit ? NUMBER_WHOLE : after(byte, true, true);
	case NUMBER_POINT:
		return digit ? NUMBER_FRACTION : NUMBER_BAD;
	case NUMBER_FRACTION:
		return digit ? NUMBER_FRACTION : after(byte, false, true);
	case NUMBER_E:
		if (byte == '-' || byte == '+')
			return NUMBER_E_SIGN;
		return digit ? NUMBER_EXPONENT : NUMBER_BAD;
	case NUMBER_E_SIGN:
		return digit ? NUMBER_EXPONENT : NUMBER_BAD;
	case NUMBER_EXPONENT:
		return digit ? NUMBER_EXPONENT : after(byte, false, false);
	case NUMBER_BAD:
		break;
	}
	return NUMBER_BAD;
}
