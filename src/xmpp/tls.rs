//! TLS with the system's roots or a private CA.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::ConnectError;

/// Encrypts a connection; the certificate has to be valid for `domain` (RFC 7590 §3.4).
pub async fn wrap(
    stream: TcpStream,
    domain: &str,
    ca: Option<&Path>,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ConnectError> {
    let fail = |why: String| ConnectError::Tls {
        domain: domain.into(),
        why,
    };
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(path)
                .map_err(|error| fail(format!("cannot read {}: {error}", path.display())))?;
            for certificate in certificates {
                let certificate =
                    certificate.map_err(|error| fail(format!("{}: {error}", path.display())))?;
                roots.add(certificate).map_err(|error| fail(error.to_string()))?;
            }
        }
        None => {
            // One unreadable root among the system's is no reason to stop.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(domain.to_owned()).map_err(|error| fail(error.to_string()))?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| fail(error.to_string()))
}
