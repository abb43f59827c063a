/* globals_deny.c - names that run code, reach files or the network, or load something that does.  "*" and a module's name
 * stand for all that lies under it: these rows only raise what would be suspicious anyway, and say why. */
#include "model/globals.h"

#define DENY TIER_DENY, SHAPE_NONE, 0

const GlobalRow globals_deny[] = {
    /* ---- Python runs code */
    { "builtins __builtin__ __builtins__", "eval exec execfile compile __import__ apply input raw_input breakpoint open file getattr setattr delattr vars globals "
      "locals map filter reduce reload type super memoryview classmethod staticmethod property callable help exit quit print hasattr __build_class__ print", DENY,
      "runs, opens or reaches whatever it is told to" },
    { "os posix nt posixpath ntpath os2 ce", "*", DENY, "runs programs and changes files" },
    { "subprocess _posixsubprocess popen2 commands pty pexpect ptyprocess _winapi sh plumbum", "*", DENY, "starts programs" },
    { "sys", "*", DENY, "reaches every loaded module, and replaces them" },
    { "importlib _frozen_importlib _frozen_importlib_external imp pkgutil runpy zipimport zipapp zipfile tarfile site sitecustomize", "*", DENY,
      "imports or unpacks code that the file names" },
    { "code codeop bdb pdb timeit trace tracemalloc profile cProfile _lsprof hotshot doctest pydoc pyclbr inspect ast dis symtable "
      "compileall py_compile cgitb pstats lib2to3 idlelib IPython _pyrepl _testcapi _testinternalcapi test unittest", "*", DENY, "runs or compiles text that it is given" },
    { "operator _operator", "attrgetter itemgetter methodcaller call", DENY, "makes a function out of a name" },
    { "functools _functools", "partial partialmethod reduce singledispatch cached_property wraps update_wrapper", DENY, "calls or wraps a function" },
    { "itertools", "starmap accumulate filterfalse takewhile dropwhile groupby ifilter imap ifilterfalse", DENY, "calls the function it is given" },
    { "types", "CodeType FunctionType LambdaType MethodType BuiltinFunctionType GeneratorType CoroutineType ModuleType new_class prepare_class DynamicClassAttribute "
      "coroutine MethodWrapperType", DENY, "makes functions and classes out of data" },
    { "new", "*", DENY, "makes functions and classes out of data" },
    { "marshal pickle _pickle cPickle pickletools dill cloudpickle shelve jsonpickle yaml _yaml ruamel ruyaml dbm anydbm gdbm dbhash dumbdbm "
      "xmlrpc xmlrpclib plistlib srsly hickle klepto kombu", "*", DENY, "loads further objects, or code, from data" },
    { "joblib", "load dump Memory Parallel delayed hash register_store_backend", DENY, "loads further pickles or calls functions" },
    { "joblib._memmapping_reducer joblib.externals joblib.memory joblib.parallel joblib.func_inspect joblib._parallel_backends joblib.pool loky", "*", DENY,
      "calls functions, loads further pickles" },
    { "joblib.numpy_pickle", "load load_temporary_memmap NDArrayWrapper ZNDArrayWrapper NumpyUnpickler _unpickle read_zfile NumpyPickler", DENY, "loads from another file" },
    { "ctypes _ctypes cffi _cffi_backend llvmlite numba cython Cython pyximport distutils setuptools pip ensurepip venv easy_install pkg_resources", "*", DENY,
      "loads native code, or builds and installs packages" },
    { "multiprocessing _multiprocessing concurrent asyncio threading _thread thread dummy_threading sched queue signal _signal atexit weakref gc _xxsubinterpreters "
      "_interpreters interpreters contextlib contextvars", "*", DENY, "starts or changes running code" },
    { "socket _socket ssl _ssl select selectors socketserver SocketServer http httplib urllib urllib2 urllib3 requests httpx aiohttp ftplib imaplib poplib smtplib smtpd "
      "nntplib telnetlib asyncore asynchat wsgiref webbrowser antigravity paramiko fabric boto boto3 botocore websocket websockets zmq xmlrpc", "*", DENY,
      "talks to the network" },
    { "tempfile shutil glob fileinput linecache mmap fcntl termios tty resource pwd grp crypt nturl2path filecmp mailbox mailcap netrc sqlite3 _sqlite3 logging "
      "readline rlcompleter curses tkinter _tkinter turtle this platform _osx_support _aix_support sysconfig cgi", "*", DENY, "reads or changes files or the system" },
    { "io _io _pyio codecs _codecs gzip bz2 lzma", "open open_code FileIO TextIOWrapper BufferedReader BufferedWriter BufferedRandom GzipFile BZ2File LZMAFile "
      "EncodedFile StreamReaderWriter register lookup decode", DENY, "opens files, or imports a codec by name" },
    { "pathlib pathlib._local pathlib._abc", "write_text write_bytes read_text read_bytes open unlink rmdir mkdir rename replace symlink_to hardlink_to "
      "touch chmod iterdir glob rglob exists", DENY, "reads or changes files" },
    { "uuid", "_get_command_stdout _popen getnode _ip_getnode _ifconfig_getnode _arp_getnode _lanscan_getnode _netstat_getnode", DENY, "starts a program" },
    { "__main__", "*", DENY, "whatever the loading program happens to define" },
    { "winreg _winreg msvcrt msilib win32api win32com win32process", "*", DENY, "reaches the system" },
    { "ipykernel jupyter_client jupyter_core notebook nbconvert ptpython bpython", "*", DENY, "runs text that it is given" },

    /* ---- numpy, scipy, pandas, sklearn */
    { "numpy", "load save savez loadtxt genfromtxt fromfile memmap DataSource savetxt fromregex vectorize frompyfunc apply_along_axis fromfunction piecewise "
      "apply_over_axes runstring", DENY, "opens files or calls functions" },
    { "numpy.f2py numpy.testing numpy.distutils numpy.ctypeslib numpy.lib.npyio numpy.lib._npyio_impl numpy.lib.format numpy.lib._datasource "
      "numpy.compat numpy.core._internal numpy.lib.utils numpy._pytesttester", "*", DENY, "compiles, opens or evaluates what it is given" },
    { "pandas", "read_pickle to_pickle read_csv read_table read_hdf read_sql read_json read_html read_xml read_excel read_parquet read_feather eval query", DENY,
      "loads pickles, opens files or evaluates text" },
    { "pandas.io pandas.core.computation pandas.util._print_versions pandas.compat.pickle_compat", "*", DENY, "loads pickles, opens files or evaluates text" },
    { "scipy", "loadmat savemat weave inline", DENY, "opens files or compiles text" },
    { "scipy.weave scipy._lib._ccallback scipy.io", "*", DENY, "opens files or compiles text" },
    { "sklearn.utils._testing sklearn.utils.testing sklearn.externals sklearn.datasets sklearn._build_utils sklearn.utils.parallel sklearn.utils.fixes", "*", DENY,
      "test helpers and loaders that call what they are given" },

    /* ---- torch and what stands on it */
    { "torch", "load save hub jit compile typename _load_from_bytes", DENY, "loads further pickles or code" },
    { "torch.hub torch.jit torch.serialization torch.package torch._dynamo torch._inductor torch.fx torch.export torch._export torch._guards torch.testing "
      "torch.utils.bottleneck torch.utils.cpp_extension torch.utils.collect_env torch.utils.data torch.utils._config_module torch.utils.model_zoo torch.utils.file_baton "
      "torch.utils.hipify torch.utils.benchmark torch.utils.show_pickle torch.utils.backend_registration torch.distributed torch.multiprocessing torch.cuda._gpu_trace "
      "torch.library torch._library torch.onnx torch.profiler torch.autograd.profiler torch.ops torch._ops torch.classes torch._classes "
      "torch._appdirs torch.fx.experimental torch.compiler torch.backends torch._lobpcg torch.utils.tensorboard torch.utils.weak torch._jit_internal torch.monitor", "*", DENY,
      "loads, compiles, evaluates or starts what it is given" },
    { "torchvision torchaudio torchtext", "load read_image read_file load_state_dict_from_url download_url download_and_extract_archive datasets", DENY, "opens files or the network" },
    { "transformers", "pipeline load_tool agents from_pretrained get_class_from_dynamic_module", DENY, "downloads and runs code" },
    { "transformers.dynamic_module_utils transformers.tools transformers.agents transformers.utils.hub transformers.testing_utils transformers.commands", "*", DENY,
      "downloads and runs code" },
    { "tensorflow keras tf_keras", "load_model load_weights py_function py_func numpy_function load_library load_op_library Lambda get_file deserialize model_from_json "
      "model_from_yaml read_file write_file", DENY, "loads models with code, opens files" },
    { "tensorflow.python.framework.load_library tensorflow.io tensorflow.saved_model keras.saving keras.utils.data_utils keras.src.saving keras.src.utils.file_utils", "*", DENY,
      "loads models with code, opens files" },
    { "mlflow wandb fsspec s3fs gcsfs datasets huggingface_hub ray dask distributed bentoml onnxruntime tensorrt skops fickling picklescan modelscan modelaudit "
      "streamlit gradio flask django fastapi jinja2 mako tornado twisted celery luigi airflow prefect nltk spacy.util gensim.utils lightning.pytorch.utilities.cloud_io "
      "pytorch_lightning.utilities.cloud_io shap.links execnet", "*", DENY, "runs, downloads or loads what it is told to, or judges models" },
};
const size_t globals_deny_len = len_of(globals_deny);
