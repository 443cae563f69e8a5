//! TLS: as a client with the system's roots or a private CA, as a server with a certificate from a file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::ConnectError;
use super::socket::{Io, Socket};

/// Whose certificates are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// The system's roots.
    #[default]
    System,
    /// A private CA's certificates, a PEM file.
    Ca(PathBuf),
    /// Anyone's: for a test machine that has no certificate worth the name.
    Anyone,
}

/// Versions of TLS to offer.
pub type Versions = &'static [&'static SupportedProtocolVersion];
pub const ALL: Versions = &[&TLS13, &TLS12];
pub const ONLY_13: Versions = &[&TLS13];
pub const ONLY_12: Versions = &[&TLS12];

/// Encrypts a connection; the certificate has to be valid for `domain` (RFC 7590 §3.4). `alpn` in order of
/// preference (RFC 7301); empty: none.
pub async fn wrap(
    stream: Socket,
    domain: &str,
    trust: &Trust,
    alpn: &[&[u8]],
) -> Result<TlsStream<Socket>, ConnectError> {
    wrap_in(stream, domain, trust, alpn, ALL).await
}

/// The same, in one of these versions.
pub async fn wrap_in(
    stream: Socket,
    domain: &str,
    trust: &Trust,
    alpn: &[&[u8]],
    versions: Versions,
) -> Result<TlsStream<Socket>, ConnectError> {
    let fail = |why: String| ConnectError::Tls {
        domain: domain.into(),
        why,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .map_err(|error| fail(error.to_string()))?;
    let mut config = match trust {
        Trust::Anyone => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unchecked(provider)))
            .with_no_client_auth(),
        Trust::System | Trust::Ca(_) => builder
            .with_root_certificates(roots(trust).map_err(fail)?)
            .with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = ascii(domain).trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(name).map_err(|error| fail(error.to_string()))?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| fail(told(&error)))
}

/// A host's name as certificates and name servers have it: `bücher.example` is `xn--bcher-kva.example` (RFC 5890 §2.3.2.1).
pub fn ascii(host: &str) -> String {
    url::Host::parse(host).map_or_else(|_| host.to_owned(), |host| host.to_string())
}

/// Why there is no TLS, for people.
fn told(error: &std::io::Error) -> String {
    let why = error.to_string();
    if why.contains("CaUsedAsEndEntity") {
        return "the server's certificate is marked as that of a CA, as self-signed ones often are: \
                make one with basicConstraints=CA:FALSE"
            .to_owned();
    }
    why
}

/// The certificate and the key of a listening end.
#[derive(Clone)]
pub struct Keys(Arc<ServerConfig>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Reads a chain of certificates and its key from PEM files. `alpn` in order of preference; empty: none.
    ///
    /// # Errors
    /// What is wrong with which file, for people. Never a part of the key.
    pub fn read(certificate: &Path, key: &Path, alpn: &[&[u8]]) -> Result<Keys, String> {
        let told = |what: &str, path: &Path, error: &dyn std::fmt::Display| {
            format!("cannot read the {what} {}: {error}", path.display())
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(|chain| chain.collect::<Result<Vec<_>, _>>())
            .map_err(|error| told("certificate", certificate, &error))?;
        if chain.is_empty() {
            return Err(told("certificate", certificate, &"the file holds none"));
        }
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| told("key", key, &error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
        let mut config = config.map_err(|error| {
            let (certificate, key) = (certificate.display(), key.display());
            format!("{certificate} and {key} do not go together: {error}")
        })?;
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Ok(Keys(Arc::new(config)))
    }
}

/// Answers a client's handshake.
///
/// # Errors
/// Those of the connection and of the handshake.
pub async fn serve(io: Box<dyn Io>, keys: &Keys) -> std::io::Result<Box<dyn Io>> {
    Ok(Box::new(TlsAcceptor::from(keys.0.clone()).accept(io).await?))
}

/// The system's roots, read once: that takes longer than a handshake. One unreadable root is no reason to stop.
static SYSTEM: LazyLock<RootCertStore> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
});

fn roots(trust: &Trust) -> Result<RootCertStore, String> {
    let Trust::Ca(path) = trust else {
        return Ok(SYSTEM.clone());
    };
    let mut roots = RootCertStore::empty();
    let told = |error: &dyn std::fmt::Display| format!("cannot read the CA {}: {error}", path.display());
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| told(&error))? {
        let certificate = certificate.map_err(|error| told(&error))?;
        roots.add(certificate).map_err(|error| told(&error))?;
    }
    if roots.is_empty() {
        return Err(told(&"it holds no certificate"));
    }
    Ok(roots)
}

/// Believes every certificate, but not every signature.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_beyond_ascii_is_asked_for_as_certificates_have_it() {
        for (host, name) in [
            ("bücher.example", "xn--bcher-kva.example"),
            ("b%C3%BCcher.example", "xn--bcher-kva.example"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("a_b.example", "a_b.example"),
        ] {
            assert_eq!(ascii(host), name, "{host}");
        }
    }
}
