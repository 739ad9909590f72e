// What one thread computes of UMA, in plain C++: compiled by nvcc for the device and by g++ for the tests on a CPU.
//
// Formulas are those of `crates/models/src/uma` (radial.rs, network.rs) and `crates/kernels/src/spherical`.
#pragma once

#include "arithmetic.h"

// Degrees 0 to 2: components in the order of degrees, (x, y, z) and (xz, xy, y2, yz, z2 - x2) beyond degree 0.
constexpr int COMPONENTS = 9;
// Numbers of an edge's rotations: 3 x 3, 5 x 5, and two that nobody reads.
constexpr int WIGNER = 36;
// Channels, hidden channels and channels of edges at most: four a lane.
constexpr int MOST_CHANNELS = 128;

SHARED_CODE constexpr int degree_of(int component) { return component == 0 ? 0 : component < 4 ? 1 : 2; }

// The row of a component among those of an edge, which are sorted by order: m = 0, then +1, -1, +2, -2; degrees upwards in
// each. y is the polar axis.
SHARED_CODE constexpr int row_of(int component) {
    return component == 0   ? 0
           : component == 1 ? 5
           : component == 2 ? 1
           : component == 3 ? 3
           : component == 4 ? 8
           : component == 5 ? 6
           : component == 6 ? 2
           : component == 7 ? 4
                            : 7;
}

// Degree of a row.
SHARED_CODE constexpr int degree_of_row(int row) { return row == 0 ? 0 : row == 1 || row == 3 || row == 5 ? 1 : 2; }

// Which factor of the radial network a component is multiplied with: one for each degree and size of the order.
SHARED_CODE constexpr int factor_of(int component) {
    return component == 0                     ? 0
           : component == 2                   ? 1
           : component == 6                   ? 2
           : component == 1 || component == 3 ? 3
           : component == 5 || component == 7 ? 4
                                              : 5;
}
constexpr int FACTORS = 6;

// Features of atoms lie degree by degree, [atoms, 2 l + 1, width] each. Where a component of an atom begins.
SHARED_CODE size_t component_at(size_t atoms, size_t atom, int component, size_t width) {
    int l = degree_of(component);
    return (l * l * atoms + (2 * l + 1) * atom + (component - l * l)) * width;
}

// ---- Edges ----

// 1 - 21 u^5 + 35 u^6 - 15 u^7 of u = r / reach; zero beyond.
SHARED_CODE double edge_envelope(double r, double reach) {
    double u = r / reach;
    if (u >= 1.0) return 0.0;
    double u4 = u * u * (u * u);
    return 1.0 + u4 * u * (-21.0 + u * (35.0 - 15.0 * u));
}

// Its slope by r.
SHARED_CODE double edge_envelope_slope(double r, double reach) {
    double u = r / reach;
    if (u >= 1.0) return 0.0;
    return u * u * (u * u) * (-105.0 + u * (210.0 - 105.0 * u)) / reach;
}

// A rotation that takes the direction n to the y axis: rows are the axes of the frame.
SHARED_CODE void frame_of(const double *n, double (&frame)[3][3]) {
    // A half turn about x takes n to (x, -y, -z).
    double down = n[1] < 0.0 ? -1.0 : 1.0;
    double x = n[0], y = n[1] * down, z = n[2] * down, shrink = 1.0 / (1.0 + y);
    frame[0][0] = 1.0 - x * x * shrink, frame[0][1] = -x * down, frame[0][2] = -x * z * shrink * down;
    frame[1][0] = x, frame[1][1] = y * down, frame[1][2] = z * down;
    frame[2][0] = -x * z * shrink, frame[2][1] = -z * down, frame[2][2] = (1.0 - z * z * shrink) * down;
}

constexpr double ROOT_3 = 1.7320508075688772935;

// One column of the rotation of degree 2: components of the symmetric product of u and v, which need not be normal.
SHARED_CODE void second_column(const double *u, const double *v, double factor, int column, double (&out)[5][5]) {
    out[0][column] += factor * (u[0] * v[2] + u[2] * v[0]);
    out[1][column] += factor * (u[0] * v[1] + u[1] * v[0]);
    out[2][column] += factor * (2.0 * u[1] * v[1] - u[0] * v[0] - u[2] * v[2]) / ROOT_3;
    out[3][column] += factor * (u[1] * v[2] + u[2] * v[1]);
    out[4][column] += factor * (u[2] * v[2] - u[0] * v[0]);
}

// The rotation of degree 2 in the basis (xz, xy, y2, yz, z2 - x2).
SHARED_CODE void second_degree(const double (&frame)[3][3], double (&out)[5][5]) {
    double x[3], y[3], z[3];
UNROLL
    for (int i = 0; i < 3; ++i) x[i] = frame[i][0], y[i] = frame[i][1], z[i] = frame[i][2];
UNROLL
    for (int i = 0; i < 5; ++i)
UNROLL
        for (int j = 0; j < 5; ++j) out[i][j] = 0.0;
    second_column(x, z, 1.0, 0, out);
    second_column(x, y, 1.0, 1, out);
    second_column(y, y, 1.0 / ROOT_3, 2, out);
    second_column(x, x, -0.5 / ROOT_3, 2, out);
    second_column(z, z, -0.5 / ROOT_3, 2, out);
    second_column(y, z, 1.0, 3, out);
    second_column(z, z, 0.5, 4, out);
    second_column(x, x, -0.5, 4, out);
}

// Rotations of an edge as kernels read them.
SHARED_CODE void rotations(const double *direction, float *out) {
    double frame[3][3], second[5][5];
    frame_of(direction, frame);
    second_degree(frame, second);
UNROLL
    for (int i = 0; i < 3; ++i)
UNROLL
        for (int j = 0; j < 3; ++j) out[3 * i + j] = static_cast<float>(frame[i][j]);
UNROLL
    for (int i = 0; i < 5; ++i)
UNROLL
        for (int j = 0; j < 5; ++j) out[9 + 5 * i + j] = static_cast<float>(second[i][j]);
    out[34] = out[35] = 0.0f;
}

// What an edge is multiplied with by its Gaussians: exp(coefficient (r - mu)^2) at mu = k step.
SHARED_CODE double gaussian(double r, double step, double coefficient, uint32_t k) {
    double x = r - k * step;
    return exp(coefficient * x * x);
}
SHARED_CODE double gaussian_slope(double r, double step, double coefficient, uint32_t k) {
    double x = r - k * step;
    return 2.0 * coefficient * x * exp(coefficient * x * x);
}

// dE/d vector from the gradient by the distance and the torque about the axes x and z of the frame: the direction acts
// through the tilt of the frame, dE/dn = torque x n.
SHARED_CODE void edge_gradient(const double *n, double r, double by_r, double about_x, double about_z, double *out) {
    double frame[3][3], t[3];
    frame_of(n, frame);
UNROLL
    for (int k = 0; k < 3; ++k) t[k] = about_x * frame[0][k] + about_z * frame[2][k];
    out[0] = by_r * n[0] + (t[1] * n[2] - t[2] * n[1]) / r;
    out[1] = by_r * n[1] + (t[2] * n[0] - t[0] * n[2]) / r;
    out[2] = by_r * n[2] + (t[0] * n[1] - t[1] * n[0]) / r;
}
