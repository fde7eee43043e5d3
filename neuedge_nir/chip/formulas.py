"""The formulas a limit of a chip may name: what each of them counts, in words and as an equation.

Only the definitions live here, so that a chip file can be checked and explained. They are computed twice, by the
mapper and, independently, by the verifier of plans. A slice is the part of one population that lies on one core;
a limit sums over the slices of a core, or of a chip; or it counts the different values on a core, or its largest.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Formula:
    """A way to count the demand of a slice, in `unit`. `parameters` are the numbers a limit has to give with it.

    A `distinct` one counts different values: those of slices that share a core count once. Of a `largest` one a core
    has what the slice with the most has. `optional` parameters are given all or none.
    """

    name: str
    unit: str
    meaning: str
    parameters: tuple[str, ...] = ()
    distinct: bool = False
    largest: bool = False
    optional: tuple[str, ...] = ()

    @property
    def sums(self) -> bool:
        """Whether a core has the sum of what its slices have."""
        return not (self.distinct or self.largest)


_NEURONS = Formula(
    "neurons",
    "neurons",
    "Neurons of the slice; under subtract reset times the chip's compartments_subtract, up to a whole multiple of its "
    "compartments_group_subtract.",
)
_NEURON_COPIES = Formula(
    "neuron_copies",
    "neurons",
    "Neuron slots with exact copies, for chips where a neuron has one destination: the sum over the neurons of the "
    "slice of max(1, axons the neuron drives over all destination cores, + 1 if an Output port reads it).",
)
_SLICES = Formula("slices", "slices", "One for every population slice on the core, such as a Loihi 2 neuron group.")
_INPUT_AXONS = Formula(
    "input_axons",
    "axons",
    "Distinct source elements that reach the slice, times the axons an input takes (1 unless weights = axon-types), "
    "summed over the projections; under subtract reset and self_axons_subtract for each neuron.",
)
_MERGED_INPUT_AXONS = Formula(
    "merged_input_axons",
    "axons",
    "As input_axons, but the sources of one leading pool's window count once, where its windows do not overlap: every "
    "message is processed, so that they may send to one axon.",
)
_LAVA_INPUT_AXONS = Formula(
    "lava_input_axons",
    "axons",
    "conv_axons for each projection that contains a convolution or pool but no dense layer, and the distinct source "
    "elements that reach the slice for each other, where the sources of one leading pool's window count once: every "
    "message is processed, so they may share an axon. Read off the AxonIn column of lava-dl's saved compiler tables.",
    ("conv_axons",),
)
_LAVA_AXON_MAP = Formula(
    "lava_axon_map",
    "entries",
    "For each outgoing projection the pixels of the slice (its spatial extent, channels not counted) if that "
    "projection contains a convolution or pool but no dense layer, else the neurons of the slice; read "
    "off the AxonMap column of lava-dl's saved compiler tables.",
)
_OUTPUT_AXONS = Formula(
    "output_axons",
    "axons",
    "The sum over the neurons of the slice of the number of destination cores.",
)
_PLACED_OUTPUT_AXONS = Formula(
    "placed_output_axons",
    "axons",
    "The sum over the neurons of the slice of the number of destination cores, once for each projection, those on "
    "another chip counted crossing_entries times more; under subtract reset and self_axons_subtract one more for each "
    "neuron. It depends on where the cores are: counted again behind the placement.",
    ("crossing_entries",),
)
_SHARED_OUTPUT_AXONS = Formula(
    "shared_output_axons",
    "axons",
    "As placed_output_axons. But where a projection's axons are shared, the neurons of one column of one channel that "
    "lie on one core and send to one core only, the same, have one axon together: shared_entries, and crossing_entries "
    "more to another chip. Into that core it is one axon too (merged_input_axons), and the column's rows there are all "
    "as long as the longest (entry_row_words). Such a projection is one convolution of one group without dilation, and "
    "the only one that leaves its source, which is no input and which no output reads; spikes reset to zero, and a "
    "core has one slice of its target. Cuts are chosen as if there were none. After NxTF's axon groups.",
    ("crossing_entries", "shared_entries"),
)
_PACKED_ROW_WORDS = Formula(
    "packed_row_words",
    "words",
    "Summed over the incoming projections, for b weight bits. A shared kernel: rows * ceil((C*b + header_bits * "
    "ceil(C/header_every)) / word_bits), with rows = kernel taps x input channels per group x groups touched and C "
    "the output channels of the slice. Otherwise, for every distinct source element (the sources under one leading "
    "pool's window share a row): ceil((n*(b+index_bits) + header_bits * ceil(n/header_every)) / word_bits), n = "
    "synapses that it has in the slice; of one dense layer those whose weight is stored as 0 are left out. A fit that "
    "reproduces all rows of lava-dl's YOLO-KP compiler table and the dense layers of its MNIST and Oxford tables.",
    ("word_bits", "header_bits", "header_every", "index_bits"),
)
_BLOCKED_ROW_BITS = Formula(
    "blocked_row_bits",
    "bit",
    "Summed over the incoming projections, their distinct source elements, and the blocks of at most `block` synapses "
    "of such a source into the slice: word_bits * ceil((n*(b+index_bits) + header_bits) / word_bits), n = synapses "
    "of the block, b = weight bits; index_bits counts only where the projection is not dense. After nengo-loihi's "
    "bits_per_axon.",
    ("word_bits", "header_bits", "block", "index_bits"),
)
_LONGEST_ROW_WORDS = Formula(
    "longest_row_words",
    "words",
    "The words of the longest row: what one source element of one projection has in a slice, stored as by "
    "blocked_row_bits, with the same word_bits, header_bits, block and index_bits.",
    ("word_bits", "header_bits", "block", "index_bits"),
    largest=True,
)
_ENTRY = ("word_bits", "header_bits", "entry_synapses", "index_bits", "delay_bits", "trailer_bits")
_GROUPED = ("groups", "numbers")
_ENTRY_ROW_WORDS = Formula(
    "entry_row_words",
    "words",
    "Summed over the incoming projections and their distinct source elements, each of which has a row (the sources of "
    "one leading pool's window share it, where its windows do not overlap): ceil((e*header_bits + i*index_bits + "
    "n*(b+d) + trailer_bits) / word_bits), n = synapses of the source in the slice, e = ceil(n/entry_synapses), b = "
    "weight bits, d = delay_bits where the projection takes more than one step, else 0; i = e where the projection is "
    "dense, else n. Under subtract reset and self_axons_subtract each neuron has a row of one synapse more, of the "
    "chip's weight_bits. With groups and numbers, columns of a slice's sources share rows as destination_groups says, "
    "where that takes fewer: each different column of a channel has rows, all as long as its longest. After NxTF's "
    "synaptic entries.",
    _ENTRY,
    optional=_GROUPED,
)
_INTERLEAVED_NEURONS = Formula(
    "interleaved_neurons",
    "neurons",
    "Numbers that the neurons of a slice are spread over: where its sources share rows, the neurons of its largest "
    "destination group in one channel * its groups * its channels, else as neurons. With the same word_bits, "
    "header_bits, entry_synapses, index_bits, delay_bits, trailer_bits, groups and numbers as entry_row_words.",
    (*_ENTRY, *_GROUPED),
)
_DESTINATION_GROUPS = Formula(
    "destination_groups",
    "groups",
    "Groups of columns of a slice whose sources share rows, else 1. Sources share by columns of a channel: one "
    "convolution of one group and without dilation, alone into its population, spikes that reset to zero. Column by "
    "column of the sources, a group begins where one reaches none of those before. An input axon adds to the numbers "
    "of neurons in its rows how many groups had begun, less one; a column reaches two of them at most. There are at "
    "most `groups`, spread over at most `numbers`. After NxTF's interleaving. With the same word_bits, header_bits, "
    "entry_synapses, index_bits, delay_bits, trailer_bits, groups and numbers as entry_row_words.",
    (*_ENTRY, *_GROUPED),
    largest=True,
)
_LONGEST_ENTRY_ROW = Formula(
    "longest_entry_row",
    "words",
    "The words of the longest row: what one source element of one projection has in a slice, stored as by "
    "entry_row_words, with the same word_bits, header_bits, entry_synapses, index_bits, delay_bits and trailer_bits.",
    _ENTRY,
    largest=True,
)
_ROW_TABLE_BYTES = Formula(
    "row_table_bytes",
    "B",
    "Summed over the incoming projections: sources that reach the slice * word_bytes * (row_header_words + synapses in "
    "the longest row of the slice); each of them has a row, and rows are padded to the longest. After sPyNNaker's "
    "synaptic matrices in the SDRAM of the chip; there all sources on a core have rows if one reaches the slice.",
    ("word_bytes", "row_header_words"),
)
_ROW_AND_RECORD_BYTES = Formula(
    "row_and_record_bytes",
    "B",
    "As row_table_bytes, with the same word_bytes and row_header_words; and of a population that an Output port reads "
    "the record of a run: for each timestep of a sample and of its way through the network word_bytes * "
    "(record_header_words + words), with words = ceil(n / spikes_per_word) for spikes and n for the potentials of "
    "neurons that do not spike, n = neurons of the slice. Without --steps-per-sample or samples nobody knows how many "
    "timesteps that are, and no record is counted. After sPyNNaker's NeuronRecorder.",
    ("word_bytes", "row_header_words", "record_header_words", "spikes_per_word"),
)
_RING_BUFFER_BITS = Formula(
    "ring_buffer_bits",
    "bit",
    "ceil(log2 neurons of the slice) + ceil(log2 synapse_types) + ceil(log2 delay slots): the index of an entry of the "
    "ring buffers, whose fields are powers of two. Delay slots are the steps of the longest delay of the projections "
    "into the slice; what the host injects it sends a step ahead, and needs one. Synapse types are at least two, as "
    "weights of either sign arrive apart. After sPyNNaker's MAX_RING_BUFFER_BITS.",
    ("synapse_types",),
    largest=True,
)
_WEIGHT_BYTES = Formula(
    "weight_bytes",
    "B",
    "Distinct stored weights of the slice, a shared kernel once, * b / 8, rounded up; b = weight bits. With "
    "neuron_bytes and axon_bytes also so many for each neuron of the slice and for each of its input axons, counted as "
    "by input_axons: weights, states and axons share the memory.",
    optional=("neuron_bytes", "axon_bytes"),
)
_SYNAPTIC_EVENTS = Formula(
    "synaptic_events",
    "events/timestep",
    "Spikes that arrive in one timestep, each times the synapses it reaches in the slice, that is connections x "
    "source rate: a real-time budget, which depends on the activity.",
)

_DECAY_PROFILES = Formula(
    "decay_profiles",
    "profiles",
    "Different (tau_mem, tau_syn) among the neurons of a core, each to significant_bits; a neuron without one of them "
    "has none there. An upper bound of the registers' values, which also depend on the timestep.",
    ("significant_bits",),
    distinct=True,
)
_THRESHOLD_VALUES = Formula(
    "threshold_values",
    "thresholds",
    "Different thresholds among the neurons of a core, in units of what an input of 1 adds to the potential, that is "
    "v_threshold * tau_mem * tau_syn / (r * w_in) with what the neuron has of these, to significant_bits. Those of "
    "different populations count apart, for each has a scale of its own; all neurons that never fire count as one.",
    ("significant_bits",),
    distinct=True,
)
_SYNAPSE_FORMATS = Formula(
    "synapse_formats",
    "formats",
    "Different (weight exponent, sign mode, weight bits, delay or none, encoding) among the projections into the "
    "slices of a core. An exponent is relative to the largest of its population, so those of different populations "
    "count apart; the sign mode is mixed, excitatory or inhibitory, the encoding dense or sparse. One more under "
    "subtract reset and self_axons_subtract, which all neurons share.",
    distinct=True,
)

FORMULAS: dict[str, Formula] = {
    formula.name: formula
    for formula in (
        _NEURONS,
        _NEURON_COPIES,
        _SLICES,
        _INPUT_AXONS,
        _MERGED_INPUT_AXONS,
        _LAVA_INPUT_AXONS,
        _LAVA_AXON_MAP,
        _OUTPUT_AXONS,
        _PLACED_OUTPUT_AXONS,
        _SHARED_OUTPUT_AXONS,
        _PACKED_ROW_WORDS,
        _BLOCKED_ROW_BITS,
        _LONGEST_ROW_WORDS,
        _ENTRY_ROW_WORDS,
        _INTERLEAVED_NEURONS,
        _DESTINATION_GROUPS,
        _LONGEST_ENTRY_ROW,
        _ROW_TABLE_BYTES,
        _ROW_AND_RECORD_BYTES,
        _RING_BUFFER_BITS,
        _WEIGHT_BYTES,
        _SYNAPTIC_EVENTS,
        _DECAY_PROFILES,
        _THRESHOLD_VALUES,
        _SYNAPSE_FORMATS,
    )
}
"""Every formula by its name."""
