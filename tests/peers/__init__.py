"""Third-party TLCP stacks and decoders that the tests talk to.

``tongsuo``  the Tongsuo library inside the ``tongsuopy`` wheel, in this process
``gmssl``    GmSSL 3.1.1's command line, as processes on 127.0.0.1
``tshark``   Wireshark's decoder, on captures written by ``pcap``
``files``    the certificate and key files that all of them read

A peer that is not installed skips the test that asks for it and says how to install it.
"""
