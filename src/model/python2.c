/* python2.c - names that moved between Python 2 and 3, as CPython's Lib/_compat_pickle.py lists them.  CPython looks a name up
 * under its new place when the pickle is older than protocol 3, so a hostile name can hide under its old one. */
#include "model/globals.h"

static const struct { const char *old, *now; } modules[] = {
    { "BaseHTTPServer", "http.server" }, { "CGIHTTPServer", "http.server" }, { "ConfigParser", "configparser" },
    { "Cookie", "http.cookies" }, { "Dialog", "tkinter.dialog" }, { "DocXMLRPCServer", "xmlrpc.server" },
    { "FileDialog", "tkinter.filedialog" }, { "HTMLParser", "html.parser" }, { "Queue", "queue" },
    { "ScrolledText", "tkinter.scrolledtext" }, { "SimpleDialog", "tkinter.simpledialog" },
    { "SimpleHTTPServer", "http.server" }, { "SimpleXMLRPCServer", "xmlrpc.server" }, { "SocketServer", "socketserver" },
    { "StringIO", "io" }, { "Tix", "tkinter.tix" }, { "Tkconstants", "tkinter.constants" }, { "Tkdnd", "tkinter.dnd" },
    { "Tkinter", "tkinter" }, { "UserDict", "collections" }, { "UserList", "collections" }, { "UserString", "collections" },
    { "__builtin__", "builtins" }, { "_abcoll", "collections.abc" }, { "_elementtree", "xml.etree.ElementTree" },
    { "_winreg", "winreg" }, { "anydbm", "dbm" }, { "cPickle", "pickle" }, { "cStringIO", "io" },
    { "commands", "subprocess" }, { "cookielib", "http.cookiejar" }, { "copy_reg", "copyreg" }, { "dbhash", "dbm.bsd" },
    { "dbm", "dbm.ndbm" }, { "dumbdbm", "dbm.dumb" }, { "dummy_thread", "_dummy_thread" }, { "gdbm", "dbm.gnu" },
    { "htmlentitydefs", "html.entities" }, { "httplib", "http.client" }, { "markupbase", "_markupbase" },
    { "repr", "reprlib" }, { "robotparser", "urllib.robotparser" }, { "test.test_support", "test.support" },
    { "thread", "_thread" }, { "tkColorChooser", "tkinter.colorchooser" }, { "tkCommonDialog", "tkinter.commondialog" },
    { "tkFileDialog", "tkinter.filedialog" }, { "tkFont", "tkinter.font" }, { "tkMessageBox", "tkinter.messagebox" },
    { "tkSimpleDialog", "tkinter.simpledialog" }, { "ttk", "tkinter.ttk" }, { "urllib2", "urllib.request" },
    { "urlparse", "urllib.parse" }, { "whichdb", "dbm" }, { "xmlrpclib", "xmlrpc.client" },
};

/* Every other name of the module `exceptions` is now in builtins. */
static const struct { const char *old, *old_name, *now, *name; } names[] = {
    { "UserDict", "IterableUserDict", "collections", "UserDict" }, { "UserDict", "UserDict", "collections", "UserDict" },
    { "UserList", "UserList", "collections", "UserList" }, { "UserString", "UserString", "collections", "UserString" },
    { "__builtin__", "basestring", "builtins", "str" }, { "__builtin__", "intern", "sys", "intern" },
    { "__builtin__", "long", "builtins", "int" }, { "__builtin__", "reduce", "functools", "reduce" },
    { "__builtin__", "unichr", "builtins", "chr" }, { "__builtin__", "unicode", "builtins", "str" },
    { "__builtin__", "xrange", "builtins", "range" },
    { "_multiprocessing", "Connection", "multiprocessing.connection", "Connection" },
    { "_socket", "fromfd", "socket", "fromfd" }, { "exceptions", "StandardError", "builtins", "Exception" },
    { "itertools", "ifilter", "builtins", "filter" }, { "itertools", "ifilterfalse", "itertools", "filterfalse" },
    { "itertools", "imap", "builtins", "map" }, { "itertools", "izip", "builtins", "zip" },
    { "itertools", "izip_longest", "itertools", "zip_longest" },
    { "multiprocessing", "AuthenticationError", "multiprocessing.context", "AuthenticationError" },
    { "multiprocessing", "BufferTooShort", "multiprocessing.context", "BufferTooShort" },
    { "multiprocessing", "ProcessError", "multiprocessing.context", "ProcessError" },
    { "multiprocessing", "TimeoutError", "multiprocessing.context", "TimeoutError" },
    { "multiprocessing.forking", "Popen", "multiprocessing.popen_fork", "Popen" },
    { "multiprocessing.process", "Process", "multiprocessing.context", "Process" },
    { "socket", "_socketobject", "socket", "SocketType" },
    { "urllib", "ContentTooShortError", "urllib.error", "ContentTooShortError" },
    { "urllib", "getproxies", "urllib.request", "getproxies" },
    { "urllib", "pathname2url", "urllib.request", "pathname2url" }, { "urllib", "quote", "urllib.parse", "quote" },
    { "urllib", "quote_plus", "urllib.parse", "quote_plus" }, { "urllib", "unquote", "urllib.parse", "unquote" },
    { "urllib", "unquote_plus", "urllib.parse", "unquote_plus" },
    { "urllib", "url2pathname", "urllib.request", "url2pathname" },
    { "urllib", "urlcleanup", "urllib.request", "urlcleanup" }, { "urllib", "urlencode", "urllib.parse", "urlencode" },
    { "urllib", "urlopen", "urllib.request", "urlopen" }, { "urllib", "urlretrieve", "urllib.request", "urlretrieve" },
    { "urllib2", "HTTPError", "urllib.error", "HTTPError" }, { "urllib2", "URLError", "urllib.error", "URLError" },
    { "whichdb", "whichdb", "dbm", "whichdb" },
};

bool python2_to_3(Str module, Str name, Str *module3, Str *name3)
{
    *module3 = module, *name3 = name;
    for (size_t i = 0; i < len_of(names); i++)
        if (str_is(module, names[i].old) && str_is(name, names[i].old_name))
            return *module3 = str(names[i].now), *name3 = str(names[i].name), true;
    if (str_is(module, "exceptions"))
        return *module3 = S("builtins"), true;
    for (size_t i = 0; i < len_of(modules); i++)
        if (str_is(module, modules[i].old))
            return *module3 = str(modules[i].now), true;
    return false;
}

bool python3_to_2(Str module, Str name, Str *module2, Str *name2)
{
    *module2 = module, *name2 = name;
    for (size_t i = 0; i < len_of(names); i++)
        if (str_is(module, names[i].now) && str_is(name, names[i].name))
            return *module2 = str(names[i].old), *name2 = str(names[i].old_name), true;
    for (size_t i = 0; i < len_of(modules); i++)
        if (str_is(module, modules[i].now))
            return *module2 = str(modules[i].old), true;
    return false;
}
