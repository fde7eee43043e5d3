"""What every code means: one table for errors and diagnostics, printed by `neuedge-nir explain CODE`.

A test holds it against the source: every code raised is explained, every explanation is raised somewhere.
Ranges: USE usage, PLUG plugins, FILE the container, NIR quirks that the reader assumes or repairs (numbered as a
public catalogue of quirks), NET the graph, CHIP chip files, FIT does not fit, PLAN plans and their verification,
WARN remarks.
"""

from __future__ import annotations

EXPLANATIONS: dict[str, str] = {
    "CHIP001": (
        "The chip file is not valid TOML, so nothing in it could be read. The message gives the parser's own "
        "words and, where it knows it, the line; mend the syntax there. Arrays nested a hundred deep and keys of "
        "more than 64 parts are refused under this code too."
    ),
    "CHIP002": (
        "The chip file does not exist, is a directory or device, or may not be read. Give the path of a .toml "
        "file, or the name of an installed target as listed by `neuedge-nir targets`."
    ),
    "CHIP003": (
        "The chip file is not UTF-8 text. TOML must be; the line of the first foreign byte is named. Save the "
        "file as UTF-8 in your editor."
    ),
    "CHIP004": "The chip file has more than 1 MiB. A chip takes a few kilobytes, so this is probably some other file.",
    "CHIP005": (
        "The chip description is of a schema version that this version of neuedge-nir does not read. Update "
        "neuedge-nir, or write the file in the layout of schema = 1."
    ),
    "CHIP006": (
        "A key that a chip needs is missing, or a list that needs an element is empty. The key is named in full "
        "and the line is that of the table it belongs to. Every number needs value (or low, typical, high), unit, "
        "source and confidence; a limit also needs every parameter of its formula."
    ),
    "CHIP007": (
        "The chip file has a key that means nothing there, often a misspelt one. It is refused and not ignored, "
        "because an ignored limit would make plans that do not run. Correct or remove it."
    ),
    "CHIP008": (
        "A value has the wrong type: text for a number, a bare number where unit, source and confidence belong to "
        "it, a table for an array, an empty text, or text with control characters. Write what the message asks "
        "for."
    ),
    "CHIP009": (
        "A value is none of the known names: a formula, a mesh, a routing, a kind of limit, a neuron model, a "
        "reset mode, a confidence, or a key of [sources]. The message lists them or suggests the nearest one."
    ),
    "CHIP010": (
        "A number is out of its range: a limit or a count below 1, a negative, infinite or fractional one where a "
        "whole number is needed, or an estimate that does not keep low <= typical <= high. Leave out what is "
        "unknown instead of writing 0."
    ),
    "CHIP011": (
        "A number is given in another unit than the compiler counts in: costs are in J, s and W, weights in bit, "
        "delays in timesteps, and a limit in the unit of its formula. Convert the number and its unit."
    ),
    "CHIP012": (
        "Two parts of the chip description contradict each other: a name used twice, more cores than its routers "
        "hold, more chips than positions, or row spans that do not add up to the chips of a system. Correct "
        "either part."
    ),
    "FILE001": "There is no file at this path. Check the spelling and the folder you are in.",
    "FILE002": (
        "The path names a directory, pipe, socket or device, and only regular files are opened. Name the .nir "
        "file itself, or save the model to a file first."
    ),
    "FILE003": (
        "The operating system refused to let the file be read, usually for lack of permission. Check the path and "
        "its permissions."
    ),
    "FILE004": "The file has no content, as after an interrupted download or export. Copy or export it again.",
    "FILE005": (
        "The file is a Git LFS pointer: a few lines of text that stand for the model in a repository. Run `git "
        "lfs pull` there to fetch the model itself."
    ),
    "FILE006": (
        "The file is a zip archive, which is how torch saves its checkpoints, and not a NIR graph. Load it in the "
        "framework that wrote it and export it to NIR."
    ),
    "FILE007": (
        "The file is plain text, often the web page around a download instead of the download. Fetch the raw file."
    ),
    "FILE008": (
        "The file is not HDF5, or HDF5 of a kind that no NIR writer makes (addresses other than 8 bytes, a user "
        "block in front). A NIR model is written by nir.write."
    ),
    "FILE009": (
        "The file is HDF5 but damaged or cut short: the library, or our own check of its chunks and text heaps, "
        "could not make sense of a part. Copy or export it again."
    ),
    "FILE010": (
        "The file holds a soft link or a link into another file. A stranger's file could make the reader open any "
        "other file that way, so only data in the file itself is read. Export the model with its data in place."
    ),
    "FILE011": (
        "An object of the file is linked twice, or a group contains itself. No NIR writer does this, and it can "
        "make a small file endless. Write every node and array once."
    ),
    "FILE012": (
        "A dataset keeps its data in another file, or is a virtual dataset made of others. That could leak any "
        "file into the model, so it is refused. Export the model with its data in place."
    ),
    "FILE013": (
        "A dataset is compressed with a filter other than gzip, shuffle, fletcher32 or lzf, or with one of them "
        "twice. Other filters are plugins, that is foreign code, and are never loaded. Write the file "
        "uncompressed or with gzip."
    ),
    "FILE014": (
        "An object or its elements are of a kind NIR does not use: complex numbers, tables, references, enums, "
        "named types, text where numbers belong, or text in compressed form. Store plain float, int or bool "
        "arrays, and names as plain strings."
    ),
    "FILE015": (
        "The file asks for more than the reader allows: bytes, elements, chunks, nodes, edges, depth, or length "
        "of a string. All this is checked before memory is taken. If you trust the file, pass read(..., "
        "caps=Caps(...)) with the named cap raised."
    ),
    "FILE016": (
        "The HDF5 file is sound but not laid out as a NIR graph: no group 'node', a node without 'type', a graph "
        "without nodes or edges, or a single node instead of a graph. It may have been cut short when written, or "
        "a node name held a '/'. Export it again with nir.write."
    ),
    "FILE017": (
        "A dataset, or a part of it, was declared but never written; its values would all be made up. Export the "
        "model again."
    ),
    "FILE018": (
        "A name or text is not valid UTF-8, or is a name HDF5 itself could not have made. Rename it in the tool "
        "that exports it; if the name looks fine the file is damaged or forged."
    ),
    "FIT001": (
        "The chip has no neurons of this model. The message lists those it has; train with one of them, or choose "
        "another chip."
    ),
    "FIT002": (
        "The neurons leak exponentially, and the chip's leak is a constant that is added each step. Train with "
        "integrate-and-fire neurons for this chip."
    ),
    "FIT003": (
        "The chip cannot reset its neurons the way the model wants. Choose the other way with --reset and expect "
        "another accuracy, or choose another chip."
    ),
    "FIT004": (
        "The neurons reset to a potential other than zero, and the chips here reset to zero. Shift the potentials "
        "(threshold, leak and reset by the same amount) so that the reset is zero."
    ),
    "FIT005": (
        "A population hands its membrane potential on to other neurons, a value every step, and the chip sends "
        "spikes only. Put a spiking population in its place, or choose a chip with graded spikes."
    ),
    "FIT006": (
        "Two weighted layers follow each other without neurons between them. Multiply them into one layer, or put "
        "neurons between."
    ),
    "FIT007": (
        "On a chip every projection takes at least one timestep, so a cycle through k populations takes k; the "
        "model's cycle takes fewer, and a plan would compute something else. Put a Delay into the cycle, or merge "
        "its populations."
    ),
    "FIT008": (
        "A projection skips over others and must wait for them, longer than the chip can delay a spike. Shorten "
        "the skip."
    ),
    "FIT009": (
        "The delay differs from element to element. That is not mapped yet; give all elements of the node one delay."
    ),
    "FIT010": (
        "A single neuron already needs more of one core than a core has, so no way of cutting the network can "
        "help: it is proved not to fit. The figures say how far it is off. Make the receptive field smaller."
    ),
    "FIT011": (
        "A scale that differs from element to element meets weights that many neurons share, and the product "
        "cannot be shared. Make the scale uniform per channel."
    ),
    "FIT012": (
        "On this chip a neuron has one weight per axon type, for all its inputs together. Projections that share "
        "weights in different ways cannot be combined in one population."
    ),
    "FIT013": (
        "No slice of this population fits a core once its targets are cut as they must be: on a chip where a "
        "neuron has one destination, its copies fill the core. Make the layer behind it smaller."
    ),
    "FIT014": (
        "No plan was found, and none was proved impossible. Try --effort high, more --chips, or a smaller network."
    ),
    "FIT015": (
        "The network needs more chips than there are: its total demand over what a chip holds, a bound that no "
        "mapping can beat. Raise --chips, or make the network smaller."
    ),
    "FIT016": "A message would have to cross a place where the machine has no chip. Use more chips, or another system.",
    "FIT017": "A chip's routing table would overflow. Spread the network over more chips, or make it smaller.",
    "NET001": (
        "A node's type is not one of NIR's primitives. NIR has no way to register new types: express the node in "
        "standard ones, and keep what is special in its metadata."
    ),
    "NET002": (
        "A node lacks a field that its type needs and that has no safe default. Export the model again with a "
        "current NIR version."
    ),
    "NET003": (
        "A node has a field its type does not know, so its meaning would be ignored. Remove it, or move it into "
        "the node's metadata."
    ),
    "NET004": (
        "An edge names a node that does not exist, often because a sub-graph was flattened or renamed and its "
        "edges were not. Correct the edge or add the node."
    ),
    "NET005": (
        "The same edge stands twice, and it is open whether the signal should be doubled. Keep one edge; use a "
        "Scale of 2 to double."
    ),
    "NET006": (
        "The graph has no Input or no Output node, so where signals enter or leave is unknown. Add both with "
        "their edges."
    ),
    "NET007": (
        "An edge leads into an Input or out of an Output. These are the ends of a graph: connect the inner nodes "
        "instead."
    ),
    "NET008": (
        "An edge leads to or from a nested graph that does not have exactly one Input or Output, so it is open "
        "which is meant. Give it exactly one, or flatten the graph."
    ),
    "NET009": (
        "What one node gives and what the next takes differ in shape. The message names both nodes and shapes: "
        "correct one of them, or put a Flatten between."
    ),
    "NET010": (
        "A node's shape cannot be inferred: nothing that feeds it says, or only an Input does while all its "
        "parameters are single numbers. In the second case the Input's shape may be a number of time steps, as "
        "some exporters write, so it is not guessed. Store at least one parameter with one value per neuron."
    ),
    "NET011": (
        "A cycle runs through stateless nodes only. Within one timestep it would define itself. Put a neuron into "
        "the loop."
    ),
    "NET012": (
        "Between two operators, with no neuron in between, a Flatten merges some axes and keeps others. Only a "
        "full flatten before a Linear or Affine is supported there. Flatten everything, or put a neuron between "
        "the two."
    ),
    "NET013": (
        "Stateless nodes branch and join so often that the number of paths between neurons explodes. Each path "
        "would be a projection of its own. Merge the branches, put neurons between them, or raise Caps.operators."
    ),
    "NET014": (
        "The parameters of a node differ in shape, or a field is empty. Give each parameter one value per neuron, "
        "or a single number."
    ),
    "NET015": (
        "A time constant is zero or negative, so the neuron has no meaning. Correct it in the tool that exports "
        "the model."
    ),
    "NET016": (
        "A weight, bias or parameter is NaN or infinite, usually after a training that diverged. Train or export "
        "the model again."
    ),
    "NET017": (
        "A bias does not have one value per output, or is the flag True whose values were not stored. Store the "
        "bias array."
    ),
    "NET018": (
        "A field of a convolution, pool, Flatten or port cannot be: kernel, stride, dilation or groups below 1, "
        "groups that do not divide the channels, negative padding, 'same' with a stride, numbers that are not "
        "whole, or a kernel larger than its padded input. Correct the field that is named."
    ),
    "NET019": "A delay is negative: a signal cannot arrive before it was sent. Correct it in the exporter.",
    "NET020": (
        "The metadata under the key 'neuedge' is not the JSON this version writes: broken, of another schema, "
        "with values that cannot be, or two that disagree. Remove it, or use a newer neuedge-nir."
    ),
    "NET021": (
        "The graph has no edges, so nothing connects its nodes. The file was probably not written in full: export "
        "the model again."
    ),
    "NET022": "Two paths between neurons would get the same name, because a node name holds '>'. Rename that node.",
    "NET050": "A node is connected to nothing. Neurons and ports are kept and count; connect or remove it.",
    "NET051": (
        "A stateless node does nothing: no neuron or Output lies behind it (it is left out), or no source before "
        "it (only its bias counts). Often a node whose edge an exporter forgot."
    ),
    "NET052": (
        "A bias reaches an Output without a neuron in between. The network has no place for it there, so the host "
        "that computes this readout must add it."
    ),
    "NET053": (
        "A bias goes through a Delay. It is taken as a constant current from the first step on, while strictly it "
        "would start after the delay. Move the bias behind the Delay if the first steps matter."
    ),
    "NET054": (
        "All parameters of a neuron hold the same numbers, some of them negative, also as time constants: they "
        "stand in for values that were never trained. The network can be counted and mapped, but no simulation of "
        "it means anything."
    ),
    "NET055": "The file holds more than the graph. What lies beside the group 'node' was checked but not used.",
    "NIR001": (
        "The file has no v_reset (written before NIR 1.0.6) or no w_in. The defaults of NIR are assumed: v_reset "
        "= 0, w_in = 1."
    ),
    "NIR002": (
        "NIR does not record how a spike resets a neuron: to zero, or by subtracting the threshold. In discrete "
        "time the two differ. Without a word from the file or from --reset, zero is assumed."
    ),
    "NIR005": (
        "A shape begins with axes of length 1 that its neighbours do not have: batch or time axes an exporter "
        "left in. They were dropped."
    ),
    "NIR006": (
        "A node's parameters are single numbers. They were used for every neuron, in the shape of the other "
        "parameters or of what feeds the node."
    ),
    "NIR007": "A convolution does not say over which input it runs. The size was taken from what feeds it.",
    "NIR009": (
        "Stride, padding or a similar field came in an unusual form (one number for two axes, an array for one "
        "number, a float) and was brought to the usual one without changing its meaning."
    ),
    "NIR017": (
        "Numbers were stored as integers, booleans or half precision and are read as floating point, or a bias "
        "was stored as the flag False and is read as no bias."
    ),
    "NIR018": (
        "Weights follow weights, or lead to an Output, with no neuron between. That is legal: the operators are "
        "combined, and a readout is computed by the host. But some exporters drop neuron layers they do not know: "
        "check that none is missing."
    ),
    "PLAN001": (
        "The file is not a plan of this version. Give a file that `neuedge-nir compile -o` wrote, or compile again."
    ),
    "PLAN002": (
        "The file is a plan, but not in the exact form in which plans are written: it was edited, or holds "
        "unknown keys. Compile the model again."
    ),
    "PLAN003": (
        "The plan holds another description of its chip than the one installed here (or named with --target): a "
        "limit or cost has changed since. Compile again."
    ),
    "PLAN004": (
        "The plan says that a pass was applied whose name or options are malformed, so the network that was mapped "
        "cannot be made again. Compile again."
    ),
    "PLUG001": (
        "Two installed packages register the same name for different things, so it is not clear which one is "
        "meant. Uninstall one of them."
    ),
    "PLUG002": (
        "An installed plugin could not be imported. The message names its package and the reason; update or "
        "uninstall it. Other plugins are not affected."
    ),
    "PLUG003": (
        "An installed plugin lacks the methods that its kind must have, so it cannot be used. Tell its author; "
        "the message lists what is needed."
    ),
    "PLUG004": (
        "A plugin returned something other than what its kind returns: a pass a Network, a target a Chip. Tell its "
        "author."
    ),
    "PLUG005": (
        "The code of an installed plugin failed while it ran. The message names its package and the reason; compile "
        "without it, and tell its author."
    ),
    "USE001": (
        "The words of the command line are off: an unknown command or option, a missing argument, or a value of "
        "the wrong kind. `neuedge-nir COMMAND --help` lists what each takes."
    ),
    "USE002": (
        "No installed package registers a target of that name. `neuedge-nir targets` lists those there are; a "
        "chip of your own needs no package: give --target the path of its .toml file."
    ),
    "USE003": "No installed package registers a pass of that name. `neuedge-nir passes` lists those there are.",
    "USE004": "No installed package registers a model of that name. `neuedge-nir models list` lists those there are.",
    "USE005": (
        "Training needs packages that the compiler alone does not: torch, nirtorch, sinabs and scikit-learn. "
        "Install the extra: pip install 'neuedge-nir[train]'."
    ),
    "USE006": (
        "The output cannot be written where you asked. Nothing was left there; choose a file in a folder that "
        "exists and that you may write to."
    ),
    "USE007": (
        "An option of a training is out of range: the epochs, the seed or the device. The message says which "
        "values are taken."
    ),
    "USE008": "A pass is given as NAME or NAME:key=value,key=value. The message shows the part that is neither.",
    "USE009": "An empty name stands in a comma-separated list of chips. Remove the comma too many.",
    "USE010": (
        "An activity is a mean number of spikes per neuron and timestep: a number from 0 upwards. A neuron that "
        "spikes every tenth step has 0.1."
    ),
    "USE011": (
        "The activity profile is no .npz file of rates that fits this network: every array must carry the name of "
        "a population or input and hold one rate, or one per neuron."
    ),
    "USE012": (
        "A Delay node gives its delay in time, and a chip counts timesteps. Say how long a step is with --dt, in "
        "the unit of the model's time constants."
    ),
    "USE013": (
        "The chip file names a formula that this version cannot count. `neuedge-nir targets lint FILE` lists "
        "those it can."
    ),
    "USE014": "The pass has no option of that name. `neuedge-nir passes show NAME` says what it takes.",
    "USE015": (
        "More chips were asked for than the largest published system of this chip has. Leave --chips out to use "
        "as many as are needed."
    ),
    "USE016": (
        "No error or diagnostic has that code. Codes look like FIT010; they stand in brackets behind `error` or "
        "`warning`."
    ),
    "WARN001": (
        "The chip stores the weights of this layer so coarsely that the result may differ: the error is given "
        "relative to the weights' norm. Expect another accuracy, and train with weights of that resolution."
    ),
    "WARN002": (
        "Time constants, thresholds or other parameters differ within a population. Some chips hold only a few such "
        "values per core; that rule is not checked yet, so the plan may ask for more than a core has."
    ),
}
