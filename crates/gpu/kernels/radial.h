// Functions of the distance with their slopes, in plain C++: what MACE and CHGNet have in common.
#pragma once

#include "arithmetic.h"

struct Slope {
    double value;
    double slope;
};

SHARED_CODE double power_of(double x, int n) {
    double result = 1.0;
    for (; n > 0; n >>= 1, x *= x)
        if (n & 1) result *= x;
    return result;
}

// 1 - (p+1)(p+2)/2 t^p + p(p+2) t^(p+1) - p(p+1)/2 t^(p+2), t = r / reach; zero from there on.
SHARED_CODE Slope envelope(double r, double reach, int p) {
    if (r >= reach) return {0.0, 0.0};
    double t = r / reach, a = 0.5 * (p + 1.0) * (p + 2.0), b = p * (p + 2.0), c = 0.5 * p * (p + 1.0);
    double before = power_of(t, p - 1);
    return {1.0 - before * t * (a - t * (b - t * c)), -before * (a * p - t * (b * (p + 1.0) - t * c * (p + 2.0))) / reach};
}

// sin(frequency x) / x, also near zero.
SHARED_CODE Slope wave(double frequency, double x) {
    double angle = frequency * x;
    if (fabs(angle) < 1e-3) {
        double square = angle * angle;
        return {frequency * (1.0 - square / 6.0), frequency * frequency * angle * (-1.0 / 3.0 + square / 30.0)};
    }
    double sine = sin(angle), cosine = cos(angle);
    return {sine / x, (frequency * cosine - sine / x) / x};
}
