/* globals_allow.c - names that were reviewed and found to do no more than make data.  Exact names only. */
#include "model/globals.h"

#define T0 TIER_SAFE, SHAPE_NONE
#define T1 TIER_CLASS, SHAPE_NONE
#define T2 TIER_ARGS

const GlobalRow globals_allow[] = {
    /* ---- Python */
    { "builtins", "set frozenset list tuple", T0, GIVES_SEQUENCE | GIVES_SET, "copies its argument into a container" },
    { "builtins", "dict", T0, GIVES_MAPPING, "a mapping of what it is given" },
    { "builtins", "str int float bool complex slice range", T0, 0, "a number, text or span; conversions of data run no code of the file" },
    { "builtins", "bytes bytearray", T2, SHAPE_SIZED, 0, "copies bytes; an integer is a size to allocate" },
    { "builtins", "object", T1, 0, "has no state and no __init__ of its own" },
    { "builtins", "Ellipsis NotImplemented", T0, 0, "a constant" },
    { "builtins", "BaseException Exception ArithmeticError AssertionError AttributeError BufferError EOFError FloatingPointError "
      "GeneratorExit ImportError IndexError KeyError KeyboardInterrupt LookupError MemoryError NameError NotImplementedError OSError "
      "OverflowError RecursionError ReferenceError RuntimeError StopIteration SyntaxError SystemError TypeError UnboundLocalError "
      "UnicodeError ValueError ZeroDivisionError Warning UserWarning DeprecationWarning FutureWarning RuntimeWarning", T0, 0,
      "an exception object that keeps its arguments; nothing raises it" },
    { "collections", "OrderedDict Counter", T0, GIVES_MAPPING, "a mapping that copies pairs" },
    { "collections", "deque", T0, GIVES_SEQUENCE, "a list of what it is given" },
    { "collections", "defaultdict", T2, SHAPE_DEFAULTDICT, GIVES_MAPPING, "calls its argument for a missing key: safe for a reviewed class" },
    { "datetime", "datetime date time timedelta timezone", T0, 0, "checks and keeps numbers" },
    { "zoneinfo", "ZoneInfo._unpickle", T0, 0, "reads a time zone of the system by a checked name" },
    { "decimal", "Decimal", T0, 0, "parses a number" },
    { "fractions", "Fraction", T0, 0, "parses a number" },
    { "uuid", "UUID SafeUUID", T0, 0, "parses a number" },
    { "pathlib pathlib._local", "PurePosixPath PosixPath PureWindowsPath WindowsPath PurePath Path", T0, 0, "joins texts to a path; opens nothing" },
    { "copyreg", "_reconstructor", T2, SHAPE_RECONSTRUCTOR, 0, "base.__new__(class, state): safe for a reviewed class over object" },
    { "copyreg", "__newobj__", T2, SHAPE_NEWOBJ, 0, "class.__new__(class): safe for a reviewed class" },
    { "_codecs", "encode", T2, SHAPE_ENCODE, 0, "any other codec than latin-1 is imported by name" },

    /* ---- numpy */
    { "numpy", "ndarray", T1, 0, "__setstate__ checks shape and length against the bytes" },
    { "numpy", "dtype", T2, SHAPE_DTYPE, 0, "a type description from a short text" },
    { "numpy.core.multiarray numpy._core.multiarray", "_reconstruct", T2, SHAPE_NDARRAY, 0, "makes an empty array of a class" },
    { "numpy.core.multiarray numpy._core.multiarray", "scalar", T2, SHAPE_SCALAR, 0, "a number from bytes; a type with objects would hold references" },
    { "numpy.core.numeric numpy._core.numeric", "_frombuffer", T2, SHAPE_FROMBUFFER, 0, "an array over bytes; numpy refuses objects" },
    { "numpy.random._pickle", "__randomstate_ctor __generator_ctor __bit_generator_ctor", T2, SHAPE_RANDOM, 0, "a generator by the name of its algorithm" },
    { "numpy.random._mt19937", "MT19937", T1, 0, "a state of numbers, copied into a fixed array" },
    { "numpy.random._pcg64", "PCG64 PCG64DXSM", T1, 0, "a state of numbers" },
    { "numpy.random._philox", "Philox", T1, 0, "a state of numbers" },
    { "numpy.random._sfc64", "SFC64", T1, 0, "a state of numbers" },
    { "numpy.random.bit_generator", "SeedSequence", T1, 0, "a state of numbers" },
    { "numpy", "bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128 str_ bytes_ bool longlong "
      "ulonglong intc uintc datetime64 timedelta64 longdouble", T0, 0, "a number type" },

    /* ---- torch */
    { "torch", "FloatStorage DoubleStorage HalfStorage LongStorage IntStorage ShortStorage CharStorage ByteStorage BoolStorage BFloat16Storage "
      "ComplexFloatStorage ComplexDoubleStorage QInt8Storage QUInt8Storage QInt32Storage QUInt4x2Storage QUInt2x4Storage", T1, 0,
      "names the type of a storage in a persistent id" },
    { "torch.storage", "UntypedStorage TypedStorage _UntypedStorage _TypedStorage", T1, 0, "names the type of a storage in a persistent id" },
    { "torch", "Size", T0, 0, "a tuple of numbers" },
    { "torch", "device", T0, 0, "parses the name of a device" },
    { "torch", "float16 float32 float64 bfloat16 half float double int8 int16 int32 int64 uint8 short int long bool complex32 complex64 complex128 "
      "quint8 qint8 qint32 quint4x2 float8_e4m3fn float8_e5m2 strided sparse_coo sparse_csr preserve_format contiguous_format channels_last "
      "per_tensor_affine per_channel_affine per_tensor_symmetric per_channel_symmetric", T0, 0, "a constant" },
    { "torch.serialization", "_get_layout", T0, 0, "looks a layout up in a fixed table" },
    { "torch", "Tensor", T1, 0, "__setstate__ takes storages and numbers" },
    { "torch.nn.parameter", "Parameter Buffer UninitializedParameter", T1, 0, "a tensor with a flag" },
    { "torch._utils", "_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3", T2, SHAPE_TENSOR, 0, "a view of a storage; bounds are checked" },
    { "torch._utils", "_rebuild_qtensor _rebuild_sparse_tensor _rebuild_sparse_csr_tensor _rebuild_device_tensor_from_numpy _rebuild_meta_tensor_no_storage",
      T2, SHAPE_PLAIN, 0, "a tensor of reviewed parts" },
    { "torch._utils", "_rebuild_parameter _rebuild_parameter_with_state", T2, SHAPE_PARAMETER, 0, "marks a tensor as parameter" },
    { "torch._tensor", "_rebuild_from_type_v2 _rebuild_from_type", T2, SHAPE_TYPED, 0, "calls its first argument, then sets a state" },
    { "torch.nn.modules.activation", "ReLU ReLU6 LeakyReLU PReLU RReLU ELU CELU SELU GELU SiLU Mish Hardswish Hardsigmoid Hardtanh Hardshrink Sigmoid "
      "LogSigmoid Tanh Tanhshrink Softmax Softmax2d LogSoftmax Softmin Softplus Softsign Softshrink Threshold GLU MultiheadAttention", T1, 0,
      "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.linear", "Linear Bilinear Identity LazyLinear NonDynamicallyQuantizableLinear", T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.conv", "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d", T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.batchnorm", "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm", T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.instancenorm", "InstanceNorm1d InstanceNorm2d InstanceNorm3d", T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.normalization", "LayerNorm GroupNorm LocalResponseNorm RMSNorm CrossMapLRN2d", T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.container", "Sequential ModuleList ModuleDict ParameterList ParameterDict", T1, GIVES_MAPPING, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.dropout", "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout", T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.pooling", "MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d "
      "AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d MaxUnpool2d LPPool2d FractionalMaxPool2d", T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.padding", "ReflectionPad1d ReflectionPad2d ReplicationPad1d ReplicationPad2d ZeroPad2d ConstantPad1d ConstantPad2d ConstantPad3d",
      T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.sparse", "Embedding EmbeddingBag", T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.rnn", "RNN LSTM GRU RNNCell LSTMCell GRUCell", T1, 0, "its __setstate__ reads names of weights" },
    { "torch.nn.modules.flatten", "Flatten Unflatten", T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.upsampling", "Upsample UpsamplingNearest2d UpsamplingBilinear2d", T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.pixelshuffle", "PixelShuffle PixelUnshuffle", T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.transformer", "Transformer TransformerEncoder TransformerDecoder TransformerEncoderLayer TransformerDecoderLayer", T1, 0,
      "its __setstate__ sets an activation when none is there" },
    { "torch.nn.modules.loss", "CrossEntropyLoss NLLLoss MSELoss L1Loss SmoothL1Loss HuberLoss BCELoss BCEWithLogitsLoss KLDivLoss CosineEmbeddingLoss "
      "TripletMarginLoss MarginRankingLoss CTCLoss", T1, 0, "Module.__setstate__ updates __dict__" },
    { "torch.nn.modules.module", "Module", T1, 0, "__setstate__ updates __dict__" },
    { "torch.optim.adam", "Adam", T1, 0, "a state of numbers" },
    { "torch.optim.adamw", "AdamW", T1, 0, "a state of numbers" },
    { "torch.optim.sgd", "SGD", T1, 0, "a state of numbers" },

    /* ---- joblib, pandas, scipy, xgboost */
    { "joblib.numpy_pickle", "NumpyArrayWrapper", T1, 0, "joblib reads the array's bytes behind it" },
    { "pandas.core.frame", "DataFrame", T1, 0, "__setstate__ takes blocks of arrays" },
    { "pandas.core.series", "Series", T1, 0, "__setstate__ takes blocks of arrays" },
    { "pandas.core.indexes.base", "Index", T1, 0, "an array of labels" },
    { "pandas.core.indexes.base", "_new_Index", T2, SHAPE_CLASS_FIRST, 0, "makes an index of a reviewed class" },
    { "pandas.core.indexes.range", "RangeIndex", T1, 0, "three numbers" },
    { "pandas.core.indexes.numeric", "Int64Index Float64Index UInt64Index NumericIndex", T1, 0, "an array of labels" },
    { "pandas.core.indexes.multi", "MultiIndex", T1, 0, "arrays of labels" },
    { "pandas.core.indexes.category", "CategoricalIndex", T1, 0, "an array of labels" },
    { "pandas.core.indexes.datetimes", "DatetimeIndex", T1, 0, "an array of times" },
    { "pandas.core.indexes.datetimes", "_new_DatetimeIndex", T2, SHAPE_CLASS_FIRST, 0, "makes an index of a reviewed class" },
    { "pandas.core.internals.managers", "BlockManager SingleBlockManager", T1, 0, "__setstate__ takes blocks of arrays" },
    { "pandas._libs.internals", "_unpickle_block", T2, SHAPE_PLAIN, 0, "a block over an array" },
    { "pandas._libs.internals", "BlockPlacement", T2, SHAPE_PLAIN, 0, "positions of columns" },
    { "scipy.sparse._csr scipy.sparse.csr", "csr_matrix csr_array", T1, 0, "three arrays and a shape" },
    { "scipy.sparse._csc scipy.sparse.csc", "csc_matrix csc_array", T1, 0, "three arrays and a shape" },
    { "scipy.sparse._coo scipy.sparse.coo", "coo_matrix coo_array", T1, 0, "three arrays and a shape" },
    { "scipy.sparse._bsr scipy.sparse.bsr", "bsr_matrix bsr_array", T1, 0, "three arrays and a shape" },
    { "scipy.sparse._dia scipy.sparse.dia", "dia_matrix dia_array", T1, 0, "two arrays and a shape" },
    { "scipy.sparse._lil scipy.sparse.lil", "lil_matrix lil_array", T1, 0, "lists of numbers" },
    { "xgboost.core", "Booster", T1, 0, "hands its bytes to a native parser" },
    { "transformers.training_args transformers.training_args_seq2seq", "TrainingArguments Seq2SeqTrainingArguments", T1, 0, "a dataclass: BUILD updates __dict__" },
    { "transformers.training_args", "OptimizerNames ParallelMode", T0, 0, "an enumeration: looks a value up" },
    { "transformers.trainer_utils", "IntervalStrategy EvaluationStrategy SaveStrategy SchedulerType HubStrategy FSDPOption", T0, 0, "an enumeration: looks a value up" },
    { "transformers.debug_utils", "DebugOption", T0, 0, "an enumeration: looks a value up" },
    { "transformers.trainer_pt_utils", "AcceleratorConfig", T1, 0, "a dataclass: BUILD updates __dict__" },
    { "transformers.integrations.deepspeed transformers.deepspeed", "HfDeepSpeedConfig HfTrainerDeepSpeedConfig", T1, 0, "BUILD updates __dict__" },
    { "accelerate.state", "PartialState AcceleratorState GradientState", T1, 0, "BUILD updates __dict__" },
    { "accelerate.utils.dataclasses", "DistributedType PrecisionType DynamoBackend RNGType LoggerType SageMakerDistributedType ComputeEnvironment", T0, 0,
      "an enumeration: looks a value up" },
    { "accelerate.utils.dataclasses", "DeepSpeedPlugin FullyShardedDataParallelPlugin GradientAccumulationPlugin TorchDynamoPlugin", T1, 0, "a dataclass: BUILD updates __dict__" },
    { "xgboost.sklearn", "XGBClassifier XGBRegressor XGBRanker XGBRFClassifier XGBRFRegressor", T1, 0, "a state of numbers and a Booster" },
};
const size_t globals_allow_len = len_of(globals_allow);
