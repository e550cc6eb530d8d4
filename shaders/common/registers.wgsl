// Reductions over a row that a workgroup of WG invocations holds in registers: invocation `lane` has the elements lane,
// lane + WG, … of type T, HELD of them. The host makes HELD as small as it can be, so only the last may lie past the end.
// A subgroup reduces by itself; the results of several meet in workgroup memory, behind one barrier. Subgroups may have
// any size: PARTS full ones of the smallest size make a workgroup, and there is room, and a loop, for as many as a driver
// makes that does not fill them. Each reduction of a kernel has a slot of its own, one of SLOTS: nobody has to wait before
// the memory is written again. S is f32, or vec2<f32> for two reductions at once.

// Which subgroup of how many an invocation is in, and its place there.
struct Place { subgroup: u32, subgroups: u32, lane: u32 }

#if SHARED
var<workgroup> parts: array<S, ${SLOTS * WG}>;

fn share(part: S, slot: u32, place: Place) {
    if place.lane == 0u {
        parts[slot * WG + place.subgroup] = part;
    }
    workgroupBarrier();
}
#end

fn row_sum(value: S, slot: u32, place: Place) -> S {
    var sum = subgroupAdd(value);
#if SHARED
    share(sum, slot, place);
    // Read without a branch, all at once; what no subgroup wrote does not count.
    sum = parts[slot * WG];
#for p in 1..PARTS
    sum += select(S(), parts[slot * WG + ${p}u], ${p}u < place.subgroups);
#end
    for (var p = PARTS; p < place.subgroups; p++) {
        sum += parts[slot * WG + p];
    }
#end
    return sum;
}

fn row_max(value: S, slot: u32, place: Place) -> S {
    var largest = subgroupMax(value);
#if SHARED
    share(largest, slot, place);
    largest = parts[slot * WG];
#for p in 1..PARTS
    largest = max(largest, select(largest, parts[slot * WG + ${p}u], ${p}u < place.subgroups));
#end
    for (var p = PARTS; p < place.subgroups; p++) {
        largest = max(largest, parts[slot * WG + p]);
    }
#end
    return largest;
}

// Whether element i of a row of n, the e-th that its invocation holds, is one. The compiler knows it of all but the last.
fn inside(e: u32, i: u32, n: u32) -> bool {
    return e + 1u < HELD || i < n;
}
