//! Certificates of a cluster, as PEM texts.

use crate::{guarded, refused, Failure};
use hayate_core::cert;
use napi_derive::napi;
use std::time::SystemTime;

#[napi(object)]
pub struct NativePemPair {
    pub cert: String,
    pub key: String,
}

fn pair(made: cert::PemPair) -> NativePemPair {
    NativePemPair { cert: made.cert, key: made.key }
}

#[napi]
pub struct NativeCertificates;

#[napi]
impl NativeCertificates {
    #[napi]
    pub fn make_authority(name: String, days: u32) -> Result<NativePemPair, Failure> {
        guarded(|| cert::make_authority(&name, days, SystemTime::now()).map(pair).map_err(refused))
    }

    #[napi]
    pub fn issue_certificate(
        authority_name: String,
        authority_key: String,
        names: Vec<String>,
        days: u32,
    ) -> Result<NativePemPair, Failure> {
        guarded(|| {
            cert::issue(&authority_name, &authority_key, &names, days, SystemTime::now()).map(pair).map_err(refused)
        })
    }
}
