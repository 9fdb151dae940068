// The two pieces of Beast that are used here, compiled once (BOOST_BEAST_SEPARATE_COMPILATION).
#include <boost/beast/core/detail/base64.hpp>
#include <boost/beast/core/detail/base64.ipp>
#include <boost/beast/http/impl/status.ipp>
#include <boost/beast/http/status.hpp>
